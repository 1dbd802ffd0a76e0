/* A plugin's own library. */
int rules_value(void);
int rules_value(void) { return VALUE; }
