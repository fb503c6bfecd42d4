// The table of settings: the whole file, and all but its listeners (schema_listener.cc) and pools
// (schema_pool.cc).

#include "config/schema.h"

#include <algorithm>

#include "config/schema_parts.h"
#include "config/units.h"

namespace lintel::config {
namespace {

using namespace build;  // the rows read as a table

const ObjectType& admin_type() {
  static const ObjectType type = object<Admin>(
      "admin", {
                   field(&Admin::bind, "bind", one_or_many(of_kind(Kind::endpoint)),
                         "Addresses of the admin endpoint: Unix sockets, or TCP on a loopback address.")
                       .example("[127.0.0.1:9901, \"unix:/run/lintel/admin.sock\"]"),
               });
  return type;
}

const ObjectType& log_type() {
  static const ObjectType type = object<Log>(
      "log", {
                 field(&Log::level, "level", choice({"trace", "debug", "info", "warn", "error", "critical"}),
                       "The least important level that is written."),
                 field(&Log::format, "format", choice({"text", "json"}),
                       "One line of text or one JSON object per event."),
                 field(&Log::target, "target", text(kFileTarget),
                       "Where the log goes: stderr, stdout or a file's path."),
             });
  return type;
}

const ObjectType& access_log_type() {
  static const ObjectType type = object<AccessLog>(
      "access_log",
      {
          field(&AccessLog::enabled, "enabled", of_kind(Kind::boolean),
                "Whether one line is written per request; \"access_log: off\" is short for false."),
          field(&AccessLog::path, "path", text(kFileTarget),
                "Where the lines go: stdout, stderr or a file's path."),
          field(&AccessLog::format, "format", choice({"json", "combined"}),
                "JSON objects, or the combined format that nginx and Apache write."),
      },
      "enabled");
  return type;
}

const ObjectType& shutdown_type() {
  static const ObjectType type = object<Shutdown>(
      "shutdown",
      {
          field(&Shutdown::delay, "delay", duration(0ms, 1h),
                "Time for which a stopping Lintel reports itself not ready but still accepts connections."),
          field(&Shutdown::timeout, "timeout", duration(0ms, kLongest),
                "Time for requests in flight to end before their connections are closed."),
      });
  return type;
}

const ObjectType& resolver_type() {
  static const ObjectType type = object<Resolver>(
      "resolver",
      {
          field(&Resolver::servers, "servers", one_or_many(of_kind(Kind::endpoint)),
                "The name servers; without them those of /etc/resolv.conf, which is read again when it "
                "changes. /etc/hosts is asked first in any case.")
              .example("[127.0.0.1:5353]"),
          field(&Resolver::timeout, "timeout", duration(10ms, 1min),
                "Time for a name server to answer; doubled in each further round."),
          field(&Resolver::attempts, "attempts", integer(1, 10), "Rounds over the name servers."),
          field(&Resolver::wait, "wait", duration(0ms, 1min),
                "Time for which a start or a reload waits for the first answers to new names; a pool whose "
                "names are not resolved by then begins without those servers."),
          field(&Resolver::min_ttl, "min_ttl", duration(100ms, kLongest),
                "Answers are used for at least that long, whatever their TTL says. To each of these times up "
                "to a "
                "tenth is added at random."),
          field(&Resolver::max_ttl, "max_ttl", duration(100ms, kLongest),
                "Answers are asked for again after at most that long."),
          field(&Resolver::retry, "retry", duration(100ms, kLongest),
                "Time after which a failed look-up is tried again; doubled with each further failure. The "
                "last good answer stays in use."),
          field(&Resolver::max_retry, "max_retry", duration(100ms, kLongest),
                "The longest time between two tries."),
          field(&Resolver::family, "family", choice({"auto", "any", "ipv4", "ipv6"}),
                "Which of a name's addresses are used; auto: those of the families that this machine has an "
                "address of beside its loopback."),
      });
  return type;
}

}  // namespace

const ObjectType& config_type() {
  static const ObjectType type = object<Config>(
      "config",
      {
          field(&Config::version, "version", integer(1, 1), "Version of this language.").repeatable(),
          directive("include", one_or_many(text(kGlob)),
                    "Further files, relative to this one, whose settings are added; patterns are read in "
                    "name order.")
              .repeatable()
              .example("[conf.d/*.yaml]"),
          field(&Config::workers, "workers", integer(1, 1024, "auto"),
                "Event loops; auto is one per CPU that this process may use."),
          field(&Config::zone, "zone", text(kAnyText),
                "The zone that this process is in, for pools with zone_preference.")
              .example("\"${ZONE:-}\""),
          field(&Config::admin, "admin", object_of(admin_type()),
                "The admin endpoint: health, statistics, metrics; none by default."),
          field(&Config::log, "log", object_of(log_type()), "The log of events."),
          field(&Config::access_log, "access_log", object_of(access_log_type()), "The log of requests."),
          field(&Config::shutdown, "shutdown", object_of(shutdown_type()), "How Lintel stops."),
          field(&Config::resolver, "resolver", object_of(resolver_type()),
                "How the names of servers are looked up."),
          field(&Config::listeners, "listeners", list_of(object_of(listener_type())),
                "What accepts connections.")
              .repeatable(),
          field(&Config::pools, "pools", named(pool_type()), "Groups of servers by name.")
              .repeatable()
              .example("{site: {servers: [127.0.0.1:9001]}}"),
      });
  return type;
}

Field Field::required() const {
  Field row = *this;
  row.is_required = true;
  return row;
}

Field Field::repeatable() const {
  Field row = *this;
  row.is_repeatable = true;
  return row;
}

Field Field::only(Protocols set) const {
  Field row = *this;
  row.protocols = set;
  return row;
}

Field Field::example(std::string_view text) const {
  Field row = *this;
  row.example_text = text;
  return row;
}

const Field* ObjectType::find(std::string_view key) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.key == key; });
  return found == fields.end() ? nullptr : &*found;
}

std::vector<std::string_view> ObjectType::keys() const {
  std::vector<std::string_view> out;
  for (const Field& field : fields) out.push_back(field.key);
  return out;
}

std::string format_number(const Type& type, std::int64_t number) {
  if (number == 0 && !type.zero_word.empty()) return std::string(type.zero_word);
  switch (type.kind) {
    case Kind::boolean:
      return number != 0 ? "true" : "false";
    case Kind::duration:
      return format_duration(milliseconds(number));
    case Kind::size:
      return format_size(Bytes{static_cast<std::uint64_t>(number)});
    case Kind::byte_rate:
      return format_byte_rate(ByteRate{static_cast<std::uint64_t>(number)});
    case Kind::percent:
      return std::to_string(number) + '%';
    case Kind::choice:
      return std::string(type.choices[static_cast<std::size_t>(number)]);
    default:
      return std::to_string(number);
  }
}

}  // namespace lintel::config
