#include "route/router.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace lintel::route {

namespace {

constexpr std::uint32_t kAnyMethod = 0xffffffff;
constexpr std::uint64_t kEmptyHash = 0x2d358dccaa6c78a5;

constexpr std::uint32_t bit(auto value) {
  return std::uint32_t{1} << static_cast<unsigned>(value);
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a ^ 0x9e3779b97f4a7c15} * (b ^ 0xe7037ed1a0b428db);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t hash_bytes(std::uint64_t hash, std::string_view text) noexcept {
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = mix(hash, word);
  }
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < left; ++i) word = word << 8 | static_cast<unsigned char>(at[i]);
  return mix(hash ^ text.size(), word);
}

std::uint64_t hash_host(std::string_view host) noexcept {
  return hash_bytes(kEmptyHash, host);
}

/// Calls `visit(end, hash)` at the end of each segment, where `hash` is that of path[0, end), until it says
/// false.
template <typename Visit>
void walk_segments(std::string_view path, Visit&& visit) noexcept {
  std::uint64_t hash = kEmptyHash;
  std::size_t begin = path.starts_with('/') ? 1 : 0;
  while (true) {
    const std::size_t slash = path.find('/', begin);
    const std::size_t end = slash == std::string_view::npos ? path.size() : slash;
    hash = hash_bytes(hash, path.substr(begin, end - begin));
    if (!visit(end, hash) || end == path.size()) return;
    begin = end + 1;
  }
}

std::uint64_t hash_path(std::string_view path) noexcept {
  std::uint64_t result = 0;
  walk_segments(path, [&](std::size_t, std::uint64_t hash) {
    result = hash;
    return true;
  });
  return result;
}

std::uint64_t hash_key(std::uint32_t bucket, auto kind, std::uint64_t path_hash) noexcept {
  return mix(path_hash, std::uint64_t{bucket} << 2 | static_cast<unsigned>(kind));
}

}  // namespace

void Router::Table::build(const std::vector<std::uint64_t>& hashes) {
  std::size_t size = 4;
  while (size < hashes.size() * 2) size *= 2;
  slots_.assign(size, Slot{});
  mask_ = size - 1;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::size_t at = hashes[i] & mask_;
    while (slots_[at].index != kNone) at = (at + 1) & mask_;
    slots_[at] = {hashes[i], static_cast<std::uint32_t>(i)};
  }
}

/// Sorts routes into buckets and keys, then builds the tables over them.
struct Router::Builder {
  Router& router;
  std::map<std::string, std::uint32_t, std::less<>> bucket_of_host;
  std::map<std::tuple<std::uint32_t, Kind, std::string>, std::uint32_t> key_of;

  Entry make_entry(const config::Route& route, std::uint32_t index) {
    Entry entry;
    entry.route = index;
    entry.methods = route.match.method.empty() ? kAnyMethod : 0;
    Conditions rest(route.match, Wanted::not_indexed);
    if (!rest.empty()) {
      entry.rest = static_cast<std::uint32_t>(router.rest_.size());
      router.rest_.push_back(std::move(rest));
    }
    for (const std::string& token : route.match.method) {
      const http::Method method = http::method_from(token);
      if (method == http::Method::other) {
        entry.tokens.push_back(token);
      } else {
        entry.methods |= bit(method);
      }
    }
    return entry;
  }

  /// Leaves out a route that can never win because earlier ones take all its methods; this bounds the routes
  /// of a list that ask for nothing further by the number of methods.
  static void append(Entries& entries, const Entry& entry) {
    std::uint32_t taken = 0;
    for (const Entry& earlier : entries) taken |= earlier.rest == kNone ? earlier.methods : 0;
    const auto is_new = [&](const std::string& token) {
      return std::none_of(entries.begin(), entries.end(), [&](const Entry& earlier) {
        return earlier.rest == kNone &&
               std::find(earlier.tokens.begin(), earlier.tokens.end(), token) != earlier.tokens.end();
      });
    };
    const bool new_token = (taken & bit(http::Method::other)) == 0 &&
                           std::any_of(entry.tokens.begin(), entry.tokens.end(), is_new);
    if ((entry.methods & ~taken) != 0 || new_token) entries.push_back(entry);
  }

  std::uint32_t bucket(std::string_view pattern) {
    if (pattern.starts_with("*.")) pattern.remove_prefix(1);
    const auto [it, fresh] =
        bucket_of_host.try_emplace(std::string(pattern), static_cast<std::uint32_t>(router.buckets_.size()));
    if (fresh) {
      router.buckets_.emplace_back().host = pattern;
      if (pattern.empty()) router.any_host_ = it->second;
      if (pattern.starts_with('.')) {
        router.longest_wildcard_ = std::max(router.longest_wildcard_, pattern.size());
      }
    }
    return it->second;
  }

  Entries& key(std::uint32_t bucket, Kind kind, const std::string& path) {
    const auto [it, fresh] =
        key_of.try_emplace({bucket, kind, path}, static_cast<std::uint32_t>(router.keys_.size()));
    if (fresh) {
      router.keys_.push_back({hash_key(bucket, kind, hash_path(path)), bucket, kind, path, {}});
    }
    return router.keys_[it->second].entries;
  }

  void add(const config::Match& match, std::uint32_t bucket_index, const Entry& entry) {
    Bucket& bucket = router.buckets_[bucket_index];
    if (!match.path.empty()) {
      if (!match.path_prefix.empty() && !prefix_matches(match.path_prefix, match.path)) return;
      append(key(bucket_index, Kind::exact, match.path), entry);
      bucket.kinds |= bit(Kind::exact);
      bucket.longest_exact = std::max(bucket.longest_exact, match.path.size());
    } else if (match.path_prefix.empty() || match.path_prefix == "/") {
      append(bucket.any_path, entry);
    } else {
      const bool below = match.path_prefix.ends_with('/');
      const Kind kind = below ? Kind::below : Kind::prefix;
      const std::string path = match.path_prefix.substr(0, match.path_prefix.size() - (below ? 1 : 0));
      append(key(bucket_index, kind, path), entry);
      bucket.kinds |= bit(kind);
      bucket.longest_prefix = std::max(bucket.longest_prefix, path.size());
    }
    bucket.first_route = std::min(bucket.first_route, entry.route);
  }

  void finish() {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(std::max(router.buckets_.size(), router.keys_.size()));
    for (const Bucket& bucket : router.buckets_) hashes.push_back(hash_host(bucket.host));
    router.bucket_table_.build(hashes);
    hashes.clear();
    for (const Key& key : router.keys_) hashes.push_back(key.hash);
    router.key_table_.build(hashes);
  }
};

Router::Router(const std::vector<config::Route>& routes) {
  Builder builder{*this, {}, {}};
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    const Entry entry = builder.make_entry(routes[i], i);
    const config::Match& match = routes[i].match;
    if (match.host.empty()) builder.add(match, builder.bucket(""), entry);
    for (const std::string& host : match.host) builder.add(match, builder.bucket(host), entry);
  }
  builder.finish();
}

std::optional<std::uint32_t> Router::match(const RequestView& request) const noexcept {
  Search search{request};
  const std::string_view host = request.host;
  const auto search_host = [&](std::string_view pattern) {
    const std::uint32_t bucket = bucket_table_.find(
        hash_host(pattern), [&](std::uint32_t index) { return buckets_[index].host == pattern; });
    if (bucket != kNone) search_bucket(bucket, search);
  };
  // ".a.test" as a whole is no host name; it must not find the pattern "*.a.test".
  if (!host.empty() && host.front() != '.') search_host(host);
  if (longest_wildcard_ != 0) {
    std::size_t dot = host.size() > longest_wildcard_ ? host.size() - longest_wildcard_ : 1;
    for (; (dot = host.find('.', dot)) != std::string_view::npos; ++dot) search_host(host.substr(dot));
  }
  if (any_host_ != kNone) search_bucket(any_host_, search);
  if (search.best == kNone) return std::nullopt;
  return search.best;
}

void Router::search_bucket(std::uint32_t index, Search& search) const noexcept {
  const Bucket& bucket = buckets_[index];
  if (bucket.first_route >= search.best) return;
  search_entries(bucket.any_path, search);
  if (bucket.first_route >= search.best || bucket.kinds == 0) return;

  const std::string_view path = search.request.path;
  const bool exact = path.size() <= bucket.longest_exact;
  walk_segments(path, [&](std::size_t end, std::uint64_t hash) {
    const bool last = end == path.size();
    if (end <= bucket.longest_prefix) {
      const std::string_view head = path.substr(0, end);
      if ((bucket.kinds & bit(Kind::prefix)) != 0) search_key(index, Kind::prefix, hash, head, search);
      if ((bucket.kinds & bit(Kind::below)) != 0 && !last) search_key(index, Kind::below, hash, head, search);
    } else if (!exact) {
      return false;
    }
    if (last && exact) search_key(index, Kind::exact, hash, path, search);
    return true;
  });
}

void Router::search_key(std::uint32_t bucket, Kind kind, std::uint64_t path_hash, std::string_view path,
                        Search& search) const noexcept {
  const std::uint32_t found = key_table_.find(hash_key(bucket, kind, path_hash), [&](std::uint32_t index) {
    const Key& key = keys_[index];
    return key.bucket == bucket && key.kind == kind && key.path == path;
  });
  if (found != kNone) search_entries(keys_[found].entries, search);
}

void Router::search_entries(const Entries& entries, Search& search) const noexcept {
  const RequestView& request = search.request;
  for (const Entry& entry : entries) {
    if (entry.route >= search.best) return;
    const bool takes_method =
        (entry.methods & bit(request.method)) != 0 ||
        (request.method == http::Method::other &&
         std::find(entry.tokens.begin(), entry.tokens.end(), request.method_text) != entry.tokens.end());
    if (takes_method && (entry.rest == kNone || rest_[entry.rest].hold(request))) {
      search.best = entry.route;
      return;
    }
  }
}

bool Router::asks_for(Condition::Kind kind) const noexcept {
  return std::any_of(rest_.begin(), rest_.end(),
                     [kind](const Conditions& conditions) { return conditions.asks_for(kind); });
}

}  // namespace lintel::route
