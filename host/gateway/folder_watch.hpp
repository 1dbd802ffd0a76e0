#pragma once

#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/result.hpp"

namespace cm::gateway {

// Tells when a folder's files changed: written and closed, moved in, or removed. [the io_context's thread]
class FolderWatch {
 public:
  FolderWatch(boost::asio::io_context& context, std::function<void(const std::string& file, bool exists)> on_change);

  base::Status start(const std::string& folder);

 private:
  void wait();
  void drain();

  boost::asio::posix::stream_descriptor inotify_;
  std::function<void(const std::string&, bool)> on_change_;
};

}  // namespace cm::gateway
