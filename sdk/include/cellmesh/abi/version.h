/* SPDX-License-Identifier: MIT
 *
 * Versions of the cellmesh plugin ABI, and the attributes its symbols carry.
 *
 * A plugin loads when its major equals the host's and its minor is not newer. Within a major nothing that was
 * released changes: structs only grow at their end (struct_size tells how far the other side goes), functions
 * keep their signature, and new abilities come as extensions with ids of their own.
 */
#ifndef CELLMESH_ABI_VERSION_H
#define CELLMESH_ABI_VERSION_H

#define CM_ABI_MAJOR 1
#define CM_ABI_MINOR 2

#if defined(__GNUC__)
#define CM_EXPORT __attribute__((visibility("default")))
#else
#define CM_EXPORT
#endif

#ifdef __cplusplus
#define CM_BEGIN_C extern "C" {
#define CM_END_C }
#else
#define CM_BEGIN_C
#define CM_END_C
#endif

#endif
