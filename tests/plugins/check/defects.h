/* What may be wrong with the culprit, one thing a build. */
#ifndef CULPRIT_DEFECTS_H
#define CULPRIT_DEFECTS_H

enum defect {
  NOTHING,
  /* Seen in the file. */
  STACK_IS_EXECUTABLE,
  NO_BUILD_ID,
  TWO_SYMBOLS,
  NO_SYMBOL,
  UNIQUE_SYMBOL,
  NODELETE,
  /* In the manifest. */
  NO_MANIFEST,
  MANIFEST_IS_GARBAGE,
  KIND_TWICE,
  VERSION_IS_A_WORD,
  ABI_OF_ANOTHER_MAJOR,
  SAME_ID_TWICE,
  ID_OF_THE_HOST,
  ROUTE_TO_NOWHERE,
  /* When it is loaded. */
  UNDEFINED_SYMBOL,
  NO_STOP,
  ABI_IN_CODE_DIFFERS,
  INIT_REFUSES,
  KIND_DIFFERS,
  /* In a service's life. */
  CREATE_MAKES_NOTHING,
  DESTROY_NEEDS_START,
  START_REFUSES
};

#endif
