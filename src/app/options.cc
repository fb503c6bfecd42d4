#include "app/options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "app/version.h"
#include "config/diagnostic.h"

namespace lintel::app {
namespace {

struct VerbInfo {
  std::string_view name;
  Verb verb;
  std::string_view usage;
  std::string_view summary;
  std::string_view details;
};

constexpr std::array kVerbs = {
    VerbInfo{
        "run", Verb::run, "lintel run [-c FILE]", "serve in the foreground",
        "  -c, --config FILE   the configuration; without it /etc/lintel/lintel.yaml if it exists,\n"
        "                      else a demo on http://127.0.0.1:8080 (LINTEL_DEMO_PORT sets another port)\n"
        "\n"
        "Signals: HUP loads the configuration again, TERM and INT stop gracefully within shutdown.timeout\n"
        "(a second one at once), QUIT stops gracefully without a limit, USR1 opens log files again.\n"
        "Exit codes: 0 stopped as told, 1 configuration invalid, 2 bad command line, 3 cannot listen.\n"},
    VerbInfo{"check", Verb::check, "lintel check FILE [--print-defaults] [--json] [--resolve]",
             "say whether a configuration is valid",
             "  --print-defaults    print the configuration in force, with every default\n"
             "  --json              print the findings as JSON\n"
             "  --resolve           warn also of names of servers that do not resolve now\n"
             "\n"
             "\"lintel -t -c FILE\" does the same. Exit codes: 0 valid, 1 invalid, 2 bad command line.\n"},
    VerbInfo{"explain", Verb::explain, "lintel explain -c FILE METHOD URL",
             "say which route and server a request takes",
             "  -c, --config FILE   the configuration\n"
             "  -H 'NAME: VALUE'    a header field of the request; may be repeated\n"
             "  --client-ip ADDR    the other end of the connection; 127.0.0.1 if not given\n"
             "  --sni NAME          the name that the TLS client asks for; else the URL's host\n"
             "  --client-cert-subject SUBJECT   of the certificate that the client shows\n"
             "  --listener NAME     the listener that takes it; else the one that binds the URL's port\n"
             "  --json              print it as JSON\n"
             "\n"
             "METHOD may be left out: GET. Nothing is sent to any server. Exit codes: 0 explained, 1 the\n"
             "configuration is invalid, 2 bad command line.\n"},
    VerbInfo{
        "test", Verb::test, "lintel test SUITE [-c FILE] [--json]",
        "run the routing tests of a configuration",
        "  -c, --config FILE   the configuration, in place of the one that the suite names\n"
        "  --json              print the results as JSON\n"
        "\n"
        "SUITE is a YAML file: config: FILE, and tests: a list of {request: METHOD URL, headers: {...},\n"
        "client_ip: ADDR, expect: {route, pool, server, path, host, headers, status, location}}.\n"
        "Exit codes: 0 all hold, 1 some do not or a file is invalid, 2 bad command line.\n"},
    VerbInfo{
        "server", Verb::server, "lintel server ACTION [POOL/SERVER]",
        "show or change servers of a running daemon",
        "  list [POOL]             all servers, or a pool's: state, health, weight, last check\n"
        "  drain POOL/SERVER       no new requests; what goes on may end\n"
        "  down POOL/SERVER        no requests at all\n"
        "  ready POOL/SERVER       requests again\n"
        "  weight POOL/SERVER [N]  another share of the requests; without N the configured one\n"
        "  -c, --config FILE       the daemon's configuration, which names its admin endpoint; without it\n"
        "                          /etc/lintel/lintel.yaml\n"
        "  --admin ADDRESS         its admin endpoint: a Unix socket's path; for list also HOST:PORT\n"
        "  --json                  print the daemon's answer as JSON\n"
        "\n"
        "Changes last until the daemon stops, over reloads too. Exit codes: 0 done, 1 configuration "
        "invalid,\n"
        "2 bad command line, 4 the daemon cannot be reached, 5 it refuses.\n"},
    VerbInfo{"schema", Verb::schema, "lintel schema [--man]", "print the JSON Schema of the configuration",
             "  --man               print the manual page lintel.yaml(5) instead\n"},
    VerbInfo{"version", Verb::version, "lintel version", "print the version, and what it was built with", ""},
    VerbInfo{"help", Verb::help, "lintel help [COMMAND]", "explain a command", ""},
};

const VerbInfo& info(Verb verb) {
  return *std::find_if(kVerbs.begin(), kVerbs.end(), [verb](const VerbInfo& i) { return i.verb == verb; });
}

std::optional<Verb> verb_named(std::string_view name) {
  for (const VerbInfo& verb : kVerbs) {
    if (verb.name == name) return verb.verb;
  }
  return std::nullopt;
}

std::string unknown_command(std::string_view word) {
  std::vector<std::string_view> names;
  names.reserve(kVerbs.size());
  for (const VerbInfo& verb : kVerbs) names.push_back(verb.name);
  return "unknown command " + config::quote(word) + " (" + config::suggest(word, names) + ")";
}

std::vector<std::string_view> known_options(Verb verb) {
  switch (verb) {
    case Verb::run:
      return {"-c", "--config", "--help"};
    case Verb::check:
      return {"-c", "--config", "--print-defaults", "--json", "--resolve", "--help"};
    case Verb::explain:
      return {"-c",         "--config", "-H",    "--client-ip", "--sni", "--client-cert-subject",
              "--listener", "--json",   "--help"};
    case Verb::test:
      return {"-c", "--config", "--json", "--help"};
    case Verb::server:
      return {"-c", "--config", "--admin", "--json", "--help"};
    case Verb::schema:
      return {"--man", "--help"};
    case Verb::version:
    case Verb::help:
      break;
  }
  return {"--help"};
}

/// Reads the words behind a verb.
class Reader {
 public:
  Reader(Verb verb, std::span<const std::string_view> words) : words_(words) { options_.verb = verb; }

  tl::expected<Options, std::string> read() {
    while (next_ < words_.size() && error_.empty()) {
      const std::string_view word = words_[next_++];
      if (word == "--help" || word == "-h") return Options{.verb = Verb::help, .topic = options_.verb};
      if (word.size() > 1 && word.front() == '-') {
        option(word);
      } else {
        operand(word);
      }
    }
    if (error_.empty() && options_.verb == Verb::check && options_.file.empty()) {
      fail("check needs a file: " + std::string(info(Verb::check).usage));
    }
    if (error_.empty() && options_.verb == Verb::test && options_.suite.empty())
      fail("test needs a file with tests: " + std::string(info(Verb::test).usage));
    if (error_.empty() && options_.verb == Verb::explain) finish_explain();
    if (error_.empty() && options_.verb == Verb::server) finish_server();
    if (!error_.empty()) return tl::unexpected(error_);
    return options_;
  }

 private:
  void fail(std::string message) { error_ = std::move(message); }

  [[nodiscard]] bool takes_file() const {
    return options_.verb == Verb::run || options_.verb == Verb::check || options_.verb == Verb::explain ||
           options_.verb == Verb::test || options_.verb == Verb::server;
  }

  void finish_explain() {
    ExplainArguments& explain = options_.explain;
    explain.file = std::exchange(options_.file, {});
    explain.json = std::exchange(options_.json, false);
    if (explain.url.empty()) std::swap(explain.url, explain.method);
    if (explain.method.empty()) explain.method = "GET";
    if (explain.file.empty() || explain.url.empty())
      fail("explain needs a configuration and a URL: " + std::string(info(Verb::explain).usage));
  }

  void finish_server() {
    ServerArguments& server = options_.server;
    server.file = std::exchange(options_.file, {});
    server.json = std::exchange(options_.json, false);
    if (server.action.empty()) {
      fail("server needs to be told what to do: " + std::string(info(Verb::server).usage));
    } else if (server.action != "list" && server.target.empty()) {
      fail("server " + server.action + " needs a server: POOL/SERVER");
    }
  }

  void server_operand(std::string_view word) {
    ServerArguments& server = options_.server;
    if (server.action.empty()) {
      const std::vector<std::string_view> actions(kServerActions.begin(), kServerActions.end());
      if (std::find(actions.begin(), actions.end(), word) == actions.end())
        return fail("server: unknown action " + config::quote(word) + " (" + config::suggest(word, actions) +
                    ")");
      server.action = word;
    } else if (server.target.empty()) {
      server.target = word;
    } else if (server.action == "weight" && server.weight.empty()) {
      server.weight = word;
    } else {
      fail("server " + server.action + " takes no " + config::quote(word));
    }
  }

  /// What stands behind an option, in the same word ("--sni=a.test") or the next.
  bool takes_value(std::string_view word, std::string_view name, std::string& value) {
    if (word.starts_with("--") && word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
      value = word.substr(name.size() + 1);
      return true;
    }
    if (word != name) return false;
    if (next_ == words_.size()) {
      fail(std::string(word) + " needs a value behind it");
    } else {
      value = words_[next_++];
    }
    return true;
  }

  bool explain_option(std::string_view word) {
    ExplainArguments& explain = options_.explain;
    std::string value;
    if (takes_value(word, "-H", value)) {
      explain.fields.push_back(value);
    } else if (takes_value(word, "--client-cert-subject", value)) {
      explain.client_cert_subject = value;
    } else {
      return takes_value(word, "--client-ip", explain.client_ip) || takes_value(word, "--sni", explain.sni) ||
             takes_value(word, "--listener", explain.listener);
    }
    return true;
  }

  void set_file(std::string_view file) {
    if (!options_.file.empty()) return fail("two configuration files are given, one is expected");
    if (file.empty()) return fail("the name of the configuration file is empty");
    options_.file = file;
  }

  void option(std::string_view word) {
    const bool check = options_.verb == Verb::check;
    const bool json = check || options_.verb == Verb::explain || options_.verb == Verb::test ||
                      options_.verb == Verb::server;
    if (options_.verb == Verb::explain && explain_option(word)) return;
    if (options_.verb == Verb::server && takes_value(word, "--admin", options_.server.admin)) return;
    if (takes_file() && (word == "-c" || word == "--config")) {
      if (next_ == words_.size()) return fail(std::string(word) + " needs a file behind it");
      set_file(words_[next_++]);
    } else if (takes_file() && word.starts_with("--config=")) {
      set_file(word.substr(9));
    } else if (check && word == "--print-defaults") {
      options_.print_defaults = true;
    } else if (check && word == "--resolve") {
      options_.resolve = true;
    } else if (json && word == "--json") {
      options_.json = true;
    } else if (options_.verb == Verb::schema && word == "--man") {
      options_.man = true;
    } else {
      fail(std::string(info(options_.verb).name) + ": unknown option " + config::quote(word) + " (" +
           config::suggest(word, known_options(options_.verb)) + ")");
    }
  }

  void operand(std::string_view word) {
    const std::optional<Verb> verb = verb_named(word);
    if (options_.verb == Verb::check) {
      set_file(word);
    } else if (options_.verb == Verb::server) {
      server_operand(word);
    } else if (options_.verb == Verb::test && options_.suite.empty()) {
      options_.suite = word;
    } else if (options_.verb == Verb::explain && options_.explain.method.empty()) {
      options_.explain.method = word;
    } else if (options_.verb == Verb::explain && options_.explain.url.empty()) {
      options_.explain.url = word;
    } else if (options_.verb == Verb::help && verb) {
      options_.topic = *verb;
    } else if (options_.verb == Verb::help) {
      fail(unknown_command(word));
    } else if (options_.verb == Verb::run) {
      fail("run takes the file behind -c: lintel run -c " + std::string(word));
    } else {
      fail(std::string(info(options_.verb).name) + " takes no " + config::quote(word));
    }
  }

  std::span<const std::string_view> words_;
  std::size_t next_ = 0;
  Options options_;
  std::string error_;
};

}  // namespace

tl::expected<Options, std::string> parse_options(std::span<const std::string_view> arguments) {
  if (arguments.empty()) return tl::unexpected(std::string("a command is missing; lintel help lists them"));
  const std::string_view first = arguments.front();
  const auto rest = arguments.subspan(1);
  if (first == "-t") return Reader(Verb::check, rest).read();
  if (first == "--help" || first == "-h") return Reader(Verb::help, rest).read();
  if (first == "--version" || first == "-v" || first == "-V") return Reader(Verb::version, rest).read();
  // "lintel -c FILE -t", as nginx users write it.
  if (first == "-c" && arguments.size() == 3 && arguments[2] == "-t") {
    return Reader(Verb::check, arguments.first(2)).read();
  }
  if (const std::optional<Verb> verb = verb_named(first)) return Reader(*verb, rest).read();
  if (first.front() == '-') {
    return tl::unexpected("unknown option " + config::quote(first) +
                          " before a command; lintel help lists the commands");
  }
  return tl::unexpected(unknown_command(first));
}

std::string help_text(Verb topic) {
  if (topic != Verb::help) {
    const VerbInfo& verb = info(topic);
    std::string text = "Usage: " + std::string(verb.usage) + "\n\n" + std::string(verb.summary) + "\n";
    text[text.find("\n\n") + 2] = static_cast<char>(verb.summary.front() - 'a' + 'A');
    if (!verb.details.empty()) text += "\n" + std::string(verb.details);
    return text;
  }
  std::string text = "Lintel, a load balancer and reverse proxy.\n\n";
  for (const VerbInfo& verb : kVerbs) {
    std::string line = "  " + std::string(verb.usage);
    line.resize(std::max<std::size_t>(line.size() + 2, 52), ' ');
    text += line + std::string(verb.summary) + "\n";
  }
  return text + "\nlintel COMMAND --help says more. The configuration is described in lintel.yaml(5).\n";
}

std::string version_text() {
  return "lintel " + std::string(version()) + "\nbuilt with " + std::string(built_with()) + "\n";
}

}  // namespace lintel::app
