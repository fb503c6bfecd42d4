#pragma once

// Which route a request takes: the first of the listener's routes, in the order of the file, whose conditions
// all hold. Hosts, paths and methods are compiled into hash tables when a generation is built, so that ten
// thousand routes cost a request no more than ten; further conditions are asked only of the routes that these
// leave over.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"
#include "http/message.h"
#include "route/conditions.h"

namespace lintel::route {

/// Hosts and prefixes match as conditions.h says. A route with both a path and a prefix asks for both.
/// Immutable after construction; any thread may match.
class Router {
 public:
  /// Copies what it needs of `routes`.
  explicit Router(const std::vector<config::Route>& routes);

  /// The index into `routes` of the route for a request, or nothing. Allocates nothing, but to decode long
  /// parameters of a query that a route asks for.
  [[nodiscard]] std::optional<std::uint32_t> match(const RequestView& request) const noexcept;
  /// Whether any route asks for that.
  [[nodiscard]] bool asks_for(Condition::Kind kind) const noexcept;

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  /// Open addressing over hashes; what a hash stands for is kept, and compared, by the user.
  class Table {
   public:
    void build(const std::vector<std::uint64_t>& hashes);
    template <typename Equal>
    [[nodiscard]] std::uint32_t find(std::uint64_t hash, Equal&& equal) const noexcept {
      for (std::size_t at = hash & mask_; slots_[at].index != kNone; at = (at + 1) & mask_) {
        if (slots_[at].hash == hash && equal(slots_[at].index)) return slots_[at].index;
      }
      return kNone;
    }

   private:
    struct Slot {
      std::uint64_t hash = 0;
      std::uint32_t index = kNone;
    };
    std::vector<Slot> slots_;
    std::size_t mask_ = 0;
  };

  /// One route under one key.
  struct Entry {
    std::uint32_t route = kNone;
    std::uint32_t methods = 0;        ///< Bit per http::Method; all bits: any method.
    std::vector<std::string> tokens;  ///< The methods that are Method::other.
    std::uint32_t rest = kNone;  ///< Index into `rest_`; none: host, path and method are all it asks for.
  };
  /// Entries in the order of the routes; only those that can still win.
  using Entries = std::vector<Entry>;

  /// All routes of one host pattern.
  struct Bucket {
    std::string host;  ///< "a.test"; ".a.test" for "*.a.test"; empty: any host.
    std::uint32_t first_route = kNone;
    std::uint32_t kinds = 0;  ///< Bit per Kind that has a key.
    std::size_t longest_prefix = 0;
    std::size_t longest_exact = 0;
    Entries any_path;
  };

  /// How the path of a key is meant. `below` asks for a "/" after it.
  enum class Kind : std::uint8_t { exact, prefix, below };

  /// The routes that share host, kind and path.
  struct Key {
    std::uint64_t hash = 0;
    std::uint32_t bucket = 0;
    Kind kind = Kind::exact;
    std::string path;
    Entries entries;
  };

  /// What `match` was asked, and the best route found so far.
  struct Search {
    const RequestView& request;
    std::uint32_t best = kNone;
  };

  struct Builder;

  void search_bucket(std::uint32_t index, Search& search) const noexcept;
  void search_key(std::uint32_t bucket, Kind kind, std::uint64_t path_hash, std::string_view path,
                  Search& search) const noexcept;
  void search_entries(const Entries& entries, Search& search) const noexcept;

  std::vector<Bucket> buckets_;
  Table bucket_table_;
  std::uint32_t any_host_ = kNone;
  std::size_t longest_wildcard_ = 0;
  std::vector<Key> keys_;
  Table key_table_;
  std::vector<Conditions> rest_;
};

}  // namespace lintel::route
