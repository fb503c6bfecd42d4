#pragma once

#include <memory>
#include <vector>

#include "app/server.h"

namespace lintel::app {

struct Server::Prepared {
  struct WorkerSocket {
    std::string bind;
    std::size_t queue;
    OwnedFd fd;
  };
  Loaded loaded;
  std::size_t workers = 1;
  BindChange listener_change;
  BindChange admin_change;
  BoundAddresses listeners;  ///< The new ones.
  BoundAddresses admin;
  std::vector<std::vector<WorkerSocket>> sockets;      ///< By worker: those it does not have yet.
  std::map<std::string, std::vector<OwnedFd>> queues;  ///< Further ones of binds that are open already.
  std::map<std::string, OwnedFd> admin_sockets;
  bool replaces_access_log = false;
  std::unique_ptr<LineLog> access_log;
};

}  // namespace lintel::app
