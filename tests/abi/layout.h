/* Static asserts of what a snapshot of the ABI fixed, on the headers as they are now. Compiled as C11 and as C++.
 *   CM_LAYOUT     the snapshot's layout.inc, which includes the headers
 *   CM_MAY_GROW   it is of an older minor: structs may have grown at their end since */
#include <stddef.h>

#ifdef __cplusplus
#define CM_ASSERT(condition, text) static_assert(condition, text);
#define CM_SAME_TEXT(name, value) (__builtin_strcmp(name, value) == 0)
#else
#define CM_ASSERT(condition, text) _Static_assert(condition, text);
#define CM_SAME_TEXT(name, value) (sizeof(name) == sizeof(value)) /* C has no constant comparison of texts */
#endif

#ifdef CM_MAY_GROW
#define CM_SAME_SIZE(type, size) (sizeof(type) >= (size))
#else
#define CM_SAME_SIZE(type, size) (sizeof(type) == (size))
#endif

#define CM_SIZE(type, size, declared) \
  CM_ASSERT(CM_SAME_SIZE(type, size), "the size of " #type " is not the released one")
#define CM_FIELD(type, field, offset, size, declared)                                            \
  CM_ASSERT(offsetof(type, field) == (offset), #type "." #field " is not where it was released") \
  CM_ASSERT(sizeof(((type *)0)->field) == (size), "the size of " #type "." #field " is not the released one")
#define CM_NUMBER(name, value) CM_ASSERT((name) == (value), #name " is not the released number")
#define CM_TEXT(name, value) CM_ASSERT(CM_SAME_TEXT(name, value), #name " is not the released text")

CM_ASSERT(sizeof(void *) == 8, "the layout is that of 64-bit machines")
#include CM_LAYOUT
