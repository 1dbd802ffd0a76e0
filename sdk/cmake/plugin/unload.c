/* SPDX-License-Identifier: MIT
 *
 * Compiled into every plugin by cellmesh_add_plugin(), so that dlclose() unloads it.
 *
 * The C++ compiler registers the destructors of thread_local and static objects with the C library. A thread_local that
 * was touched on a thread which is still alive pins the library for as long as that thread lives, and the C library's
 * list of exit functions grows by an entry a reload. These hidden definitions take the registrations instead:
 *
 *   thread_local objects are destroyed when their thread ends, or at unload if it has not ended by then;
 *   static objects are destroyed, and functions given to atexit() called, at unload, after those, last made first.
 *
 * At unload no thread may be inside the plugin, nor be ending if it has been: the host joins a thread or keeps it until
 * dlclose() has returned. Destructors of other threads' objects then run on the thread that unloads. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef void (*destructor_fn)(void *object);

struct entry {
  struct entry *next; /* registered before this one */
  destructor_fn run;
  void *object;
};

/* The thread_local objects of one thread. Only that thread touches `entries`, until unload. */
struct thread {
  struct thread *next;
  struct thread *previous;
  struct entry *entries;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all below; never held while a destructor runs */
static struct thread *threads;
static struct entry *statics;
static pthread_key_t key;
static enum { KEY_NONE, KEY_MADE, KEY_REFUSED } key_state;

__attribute__((visibility("hidden"))) int __cxa_atexit(destructor_fn run, void *object, void *library);
__attribute__((visibility("hidden"))) int __cxa_thread_atexit(destructor_fn run, void *object, void *library);
__attribute__((visibility("hidden"))) int atexit(void (*run)(void));

static int push(struct entry **list, destructor_fn run, void *object) {
  struct entry *entry = malloc(sizeof *entry);
  if (entry == NULL) return -1;
  *entry = (struct entry){*list, run, object};
  *list = entry;
  return 0;
}

/* A destructor may register another object, which then is the next. */
static void run_all(struct thread *thread) {
  while (thread->entries != NULL) {
    struct entry entry = *thread->entries;
    free(thread->entries);
    thread->entries = entry.next;
    entry.run(entry.object);
  }
}

static void remove_thread(struct thread *thread) {
  pthread_mutex_lock(&mutex);
  if (thread->next != NULL) thread->next->previous = thread->previous;
  if (thread->previous != NULL) {
    thread->previous->next = thread->next;
  } else {
    threads = thread->next;
  }
  pthread_mutex_unlock(&mutex);
  free(thread);
}

/* The thread ends; its storage of thread_locals is still there. */
static void thread_ends(void *data) {
  struct thread *thread = data;
  pthread_setspecific(key, thread); /* what a destructor registers belongs to the same list */
  run_all(thread);
  pthread_setspecific(key, NULL);
  remove_thread(thread);
}

static struct thread *this_thread(void) {
  struct thread *thread = NULL;
  pthread_mutex_lock(&mutex);
  if (key_state == KEY_NONE) key_state = pthread_key_create(&key, thread_ends) == 0 ? KEY_MADE : KEY_REFUSED;
  if (key_state == KEY_MADE) thread = pthread_getspecific(key);
  if (key_state == KEY_MADE && thread == NULL && (thread = calloc(1, sizeof *thread)) != NULL) {
    if (pthread_setspecific(key, thread) != 0) {
      free(thread);
      thread = NULL;
    } else {
      thread->next = threads;
      if (threads != NULL) threads->previous = thread;
      threads = thread;
    }
  }
  pthread_mutex_unlock(&mutex);
  return thread;
}

/* Without memory or a key the object is not destroyed: a leak, but never a call into a library that is gone. */
int __cxa_thread_atexit(destructor_fn run, void *object, void *library) {
  struct thread *thread = this_thread();
  (void)library;
  return thread == NULL ? -1 : push(&thread->entries, run, object);
}

int __cxa_atexit(destructor_fn run, void *object, void *library) {
  int result;
  (void)library;
  pthread_mutex_lock(&mutex);
  result = push(&statics, run, object);
  pthread_mutex_unlock(&mutex);
  return result;
}

static void run_plain(void *object) {
  void (*run)(void);
  memcpy(&run, &object, sizeof run);
  run();
}

/* Most C libraries have it call __cxa_atexit() from within the plugin, but a sanitizer puts its own in the way. */
int atexit(void (*run)(void)) {
  void *object;
  memcpy(&object, &run, sizeof object);
  return __cxa_atexit(run_plain, object, NULL);
}

static struct entry *pop_static(void) {
  struct entry *entry;
  pthread_mutex_lock(&mutex);
  entry = statics;
  if (entry != NULL) statics = entry->next;
  pthread_mutex_unlock(&mutex);
  return entry;
}

static void run_threads(void) {
  struct thread *thread;
  while ((thread = threads) != NULL) { /* a destructor may touch a thread_local, which adds this thread again */
    run_all(thread);
    if (pthread_getspecific(key) == thread) pthread_setspecific(key, NULL);
    remove_thread(thread);
  }
}

/* dlclose() or the end of the process. Of a library's end functions the one of the lowest priority runs last, so those
 * of the author's own still find all objects alive. */
__attribute__((destructor(101))) static void unload(void) {
  struct entry *entry;
  run_threads();
  while ((entry = pop_static()) != NULL) {
    entry->run(entry->object);
    free(entry);
    run_threads();
  }
  if (key_state == KEY_MADE) pthread_key_delete(key);
}
