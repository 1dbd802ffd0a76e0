#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.hpp"

namespace cm::gateway {

// Tells when a folder's files changed: written and closed, moved in, or removed, once a file has been left alone for a
// moment; one that is gone, for longer, since who writes it anew often removes it first. [the io_context's thread]
class FolderWatch {
 public:
  FolderWatch(boost::asio::io_context& context, std::function<void(const std::string& file, bool exists)> on_change);

  base::Status start(const std::string& folder);

 private:
  void wait();
  void drain();
  void note(const std::string& file, bool exists);
  void settle();

  struct Change {
    bool exists = false;
    std::chrono::steady_clock::time_point settled;
  };

  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer timer_;
  std::map<std::string, Change> changes_;
  std::function<void(const std::string&, bool)> on_change_;
};

}  // namespace cm::gateway
