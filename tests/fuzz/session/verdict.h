#pragma once

#include "session/world.h"

namespace lintel::fuzz {

/// Judges a world that has come to its end: the servers saw exactly the requests that the clients were
/// answered for. Every request that reached a server is one that its client sent, beyond doubt, complete and
/// in order; nothing follows what ends a connection; every answer is the one to its request, and whole only
/// if the server's was. Aborts otherwise.
void judge(const World& world);

}  // namespace lintel::fuzz
