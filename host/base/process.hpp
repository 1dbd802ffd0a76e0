#pragma once

namespace cm::base {

// Readies this process for whatever its starter did or its peers do: opens /dev/null for each of the standard
// descriptors that is closed, so that no socket or file becomes standard error, and ignores SIGPIPE and SIGXFSZ, so
// that a reader that is gone or a file at its limit is an error and not the end. First in main(), before other threads.
void prepare_process();

}  // namespace cm::base
