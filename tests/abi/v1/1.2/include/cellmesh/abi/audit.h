/* SPDX-License-Identifier: MIT
 * The audit stream: records that an operator must be able to account for, such as money. A host writes them to a file
 * of its own, or to its log at any log level; it neither limits nor drops them. */
#ifndef CELLMESH_ABI_AUDIT_H
#define CELLMESH_ABI_AUDIT_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_AUDIT "cellmesh.audit/1"

/* Most fields of a record, and most bytes of a value. */
#define CM_MAX_AUDIT_FIELDS 32u
#define CM_MAX_AUDIT_VALUE 1024u

/* One `name=value` of a record. Never grows: it comes in arrays. Since 1.2. */
typedef struct cm_audit_field {
  const char *name;  /* 1 to 64 of [a-z0-9_]; not service, host, plugin or generation, which the host adds */
  const char *value; /* any bytes: the host writes as %xx what is not printable ASCII, and space, ", % and = */
  size_t value_size;
} cm_audit_field;

/* Host implements. Since 1.2. */
typedef struct cm_host_audit {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes one record, `audit name=value ...` on a line of its own, with the time, the service, its host, plugin and
   * generation. When this returns CM_OK, the record is written, or kept until it can be. CM_INVALID: there are no
   * fields or too many, or a name is bad, or the service takes over from another generation (act in resumed());
   * CM_TOO_LARGE: a value is. Nothing is written then. Does not wait for the disk. [service-thread] */
  cm_status (*write)(const cm_host *host, const cm_audit_field *fields, size_t count);
} cm_host_audit;

CM_END_C
#endif
