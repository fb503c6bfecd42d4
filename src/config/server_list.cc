#include "config/server_list.h"

#include <filesystem>
#include <utility>

#include "config/parse.h"
#include "config/read_file.h"
#include "config/rules_parts.h"
#include "config/schema_parts.h"

namespace lintel::config {
namespace {

using namespace build;  // the row reads as a table

struct ServerList {
  std::vector<Server> servers;
};

const ObjectType& server_list_type() {
  static const ObjectType type = object<ServerList>(
      "server_list",
      {field(&ServerList::servers, "servers", list_of(object_of(server_type())), "The list.")});
  return type;
}

/// The list as the only setting of a document, which is what is parsed elsewhere.
YamlNode as_document(YamlNode list) {
  YamlNode document;
  document.kind = YamlNode::Kind::map;
  document.place = list.place;
  YamlNode key;
  key.kind = YamlNode::Kind::scalar;
  key.text = "servers";
  key.place = list.place;
  document.entries.push_back({std::move(key), std::move(list)});
  return document;
}

}  // namespace

std::string server_list_path(const Pool& pool) {
  return (std::filesystem::path(pool.place.file).parent_path() / pool.servers_file).string();
}

ServerListResult load_server_list(const std::string& path, const Environment& environment) {
  ServerListResult result;
  Report report;
  ServerList list;
  std::string why;
  if (const auto text = read_file(path, why)) {
    report.add_source(path, *text);
    YamlNode root = parse_yaml(*text, path, report);
    if (report.errors() == 0 && root.kind != YamlNode::Kind::list) {
      report.add(Severity::error, {{path, 1, 1}, ""}, "expected a list of servers, found " + describe(root),
                 "write for example - 10.0.0.1:8080, or [] for none");
    }
    if (report.errors() == 0) {
      parse_document(server_list_type(), as_document(std::move(root)), environment, report, &list);
      check_servers(list.servers, "servers", report);
    }
  } else {
    report.add(Severity::error, {{path, 0, 0}, ""}, "cannot read the file: " + why);
  }
  if (report.errors() == 0) result.servers = std::move(list.servers);
  result.diagnostics = report.take();
  return result;
}

}  // namespace lintel::config
