#include "app/offline.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "app/expansion.h"
#include "app/loading.h"
#include "base/random.h"
#include "config/diagnostic.h"

namespace lintel::app {
namespace {

bool binds(const config::Listener& listener, std::uint16_t port) {
  return std::any_of(listener.bind.begin(), listener.bind.end(), [port](const Endpoint& bind) {
    return bind.kind != Endpoint::Kind::unix_socket && bind.port == port;
  });
}

}  // namespace

tl::expected<Url, std::string> Url::parse(std::string_view text) {
  Url url;
  if (!text.starts_with('/')) {
    const std::size_t colon = text.find("://");
    url.scheme = text.substr(0, colon);
    if (colon == std::string_view::npos || (url.scheme != "http" && url.scheme != "https"))
      return tl::unexpected(config::quote(text) +
                            " is no URL; write http://HOST/PATH, https://HOST/PATH or /PATH");
    text.remove_prefix(colon + 3);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    url.authority = text.substr(0, end);
    text.remove_prefix(end);
    url.port = url.scheme == "https" ? 443 : 80;
    const std::size_t port = url.authority.rfind(':');
    if (port != std::string::npos && url.authority.find(']', port) == std::string::npos) {
      const char* last = url.authority.data() + url.authority.size();
      if (std::from_chars(url.authority.data() + port + 1, last, url.port).ptr != last)
        return tl::unexpected("the port of " + config::quote(url.authority) + " is not a number");
    }
  }
  text = text.substr(0, text.find('#'));  // Clients keep fragments to themselves.
  url.target = text.starts_with('/') ? std::string(text) : '/' + std::string(text);
  return url;
}

Offline::Offline(std::shared_ptr<const proxy::Snapshot> snapshot)
    : worker_(loop_, connector_, stats_, random_seed()) {
  worker_.generation = proxy::Generation::build(std::move(snapshot), worker_);
}

tl::expected<std::unique_ptr<Offline>, std::string> Offline::load(const std::string& file) {
  auto loaded = app::load({.name = file}, 1, std::make_shared<tls::TicketKeys>());
  if (!loaded) return tl::unexpected(loaded.error().text);
  return std::unique_ptr<Offline>(new Offline(expand_offline(*loaded->written, loaded->lists)));
}

tl::expected<const proxy::ListenerContext*, std::string> Offline::listener(const Url& url,
                                                                           std::string_view name) const {
  std::vector<const proxy::ListenerContext*> speaking;
  std::vector<std::string_view> names;
  for (const auto& each : worker_.generation->listeners) {
    if (each->config.protocol != config::Protocol::http) continue;
    names.push_back(each->config.name);
    if (!name.empty() && each->config.name == name) return each.get();
    const bool fits = url.authority.empty() || (each->tls != nullptr) == (url.scheme == "https");
    if (fits && !url.authority.empty() && name.empty() && binds(each->config, url.port)) return each.get();
    if (fits) speaking.push_back(each.get());
  }
  if (!name.empty()) {
    return tl::unexpected("there is no http listener " + config::quote(name) + " (" +
                          config::suggest(name, names, "listeners are") + ")");
  }
  if (speaking.size() == 1) return speaking.front();
  if (names.empty()) return tl::unexpected(std::string("there is no http listener"));
  return tl::unexpected("no listener is bound to port " + std::to_string(url.port) + " for " + url.scheme +
                        "; say which one is meant: --listener NAME, one of: " + config::join_words(names));
}

}  // namespace lintel::app
