#pragma once

#include <chrono>

#include "data.pb.h"
#include "storage.hpp"

namespace data {

// Does a job's steps on a connection: saves in one transaction, each for itself. Stops before an answer that would not
// fit into the message of the job's end beside those before it. Throws Failure.
proto::DataJobDone run_steps(const proto::DataJob& job, Storage& storage);

// The same on a connection of the plugin's, another time when that was lost or somebody was in the way; what fails is
// answered, too. [blocking thread]
proto::DataJobDone run_job(const proto::DataJob& job);

// The answer to a request that was not done.
proto::DataStepDone failed(const proto::DataStep& step, proto::DataResult result, const std::string& text, bool unsure);

}  // namespace data
