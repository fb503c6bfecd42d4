#include "tls/server_context.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "pair.h"

using namespace lintel;
using namespace lintel::tls;
using namespace lintel::tls::test;

namespace {

/// The common name of the certificate that the server showed.
std::string shown(Pair& pair) {
  const X509* certificate = SSL_get0_peer_certificate(pair.client->ssl());
  char name[256] = "";
  if (certificate)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

bool is_rsa(Pair& pair) {
  return EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(pair.client->ssl()))) ==
         EVP_PKEY_RSA;
}

config::PoolTls careless() {
  config::PoolTls config;
  config.verify = false;
  return config;
}

/// Every problem, a line each.
std::string problems_of(const config::ListenerTls& config) {
  Problems problems;
  const auto made = ServerContext::load(config, "web", std::make_shared<TicketKeys>(), problems);
  CHECK((made == nullptr) == (problems.errors() != 0));
  std::string text;
  for (const Problem& one : problems.list()) {
    text += (one.is_warning ? "warning: " : "error: ") + one.setting + ": " + one.message + "\n";
  }
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the certificate is chosen by the name asked for") {
  net::Loop loop;
  const Authority authority;
  config::ListenerTls config;
  config.certificates = {authority.issue("default.test"), authority.issue("a.test"),
                         authority.issue("*.wild.test"), authority.issue("exact.wild.test")};
  const auto server = server_context(config);
  const auto client = client_context(careless());
  const auto ask = [&](const std::string& name) {
    Pair pair(loop, *server, *client, name);
    REQUIRE(pair.handshake());
    return shown(pair);
  };
  CHECK(ask("a.test") == "a.test");
  CHECK(ask("A.TEST") == "a.test");
  CHECK(ask("b.wild.test") == "*.wild.test");
  CHECK(ask("exact.wild.test") == "exact.wild.test");
  CHECK(ask("c.b.wild.test") == "default.test");
  CHECK(ask("wild.test") == "default.test");
  CHECK(ask("elsewhere.test") == "default.test");
  CHECK(ask("127.0.0.1") == "default.test");
}

TEST_CASE("of two certificates for one name the client gets one that it can use") {
  net::Loop loop;
  const Authority authority;
  config::ListenerTls config;
  config.certificates = {authority.issue("other.test"), authority.issue("both.test", true),
                         authority.issue("both.test", false)};
  const auto server = server_context(config);
  const auto client = client_context(careless());
  for (const bool rsa : {true, false}) {
    for (const char* cipher : {"", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"}) {
      CAPTURE(cipher);
      Pair pair(loop, *server, *client, "both.test");
      SSL_set1_sigalgs_list(pair.client->ssl(), rsa ? "rsa_pss_rsae_sha256" : "ECDSA+SHA256");
      if (cipher[0] != '\0') {
        SSL_set_max_proto_version(pair.client->ssl(), TLS1_2_VERSION);
        SSL_set_cipher_list(pair.client->ssl(), cipher);
        if (std::string(cipher).find(rsa ? "-RSA-" : "-ECDSA-") == std::string::npos) continue;
      }
      REQUIRE(pair.handshake());
      CHECK(is_rsa(pair) == rsa);
      CHECK(shown(pair) == "both.test");
    }
  }
}

TEST_CASE("what is out of date is not spoken") {
  net::Loop loop;
  Sides sides;
  const auto client = client_context(sides.client);
  const auto server = server_context(sides.server);
  const auto modern = [&] {
    config::ListenerTls config = sides.server;
    config.min_version = config::TlsVersion::tls13;
    return server_context(config);
  }();
  SUBCASE("TLS 1.1") {
    Pair pair(loop, *server, *client, "a.test");
    SSL_set_min_proto_version(pair.client->ssl(), TLS1_1_VERSION);
    SSL_set_max_proto_version(pair.client->ssl(), TLS1_1_VERSION);
    SSL_set_security_level(pair.client->ssl(), 0);
    CHECK_FALSE(pair.handshake());
    CHECK(pair.server_shaken.failed_with(ErrorCode::protocol));
  }
  SUBCASE("TLS 1.2 where 1.3 is the least") {
    Pair pair(loop, *modern, *client, "a.test");
    SSL_set_max_proto_version(pair.client->ssl(), TLS1_2_VERSION);
    CHECK_FALSE(pair.handshake());
  }
  SUBCASE("CBC") {
    Pair pair(loop, *server, *client, "a.test");
    SSL_set_max_proto_version(pair.client->ssl(), TLS1_2_VERSION);
    SSL_set_cipher_list(pair.client->ssl(), "ECDHE-ECDSA-AES128-SHA256");
    CHECK_FALSE(pair.handshake());
    CHECK(std::string(pair.server_shaken.result.error().context) == "no shared cipher");
  }
  SUBCASE("renegotiation") {
    Pair pair(loop, *server, *client, "a.test");
    SSL_set_max_proto_version(pair.client->ssl(), TLS1_2_VERSION);
    REQUIRE(pair.handshake());
    SSL_clear_options(pair.client->ssl(), SSL_OP_NO_RENEGOTIATION);
    CHECK(SSL_renegotiate(pair.client->ssl()) == 1);
    std::string got;
    Outcome<void> written;
    Outcome<void> served;
    pair.scope.spawn(net::write_once(*pair.client, "x", written));
    pair.scope.spawn(net::read_all(*pair.server, got, served));
    net::settle(loop, 20);
    CHECK(got.empty());
  }
}

TEST_CASE("ALPN: ours in our order, and no agreement ends the handshake") {
  net::Loop loop;
  Sides sides;
  sides.server.alpn = {"http/1.1", "acme"};
  const auto server = server_context(sides.server);
  const auto offer = [&](std::vector<std::string> names) {
    config::PoolTls config = sides.client;
    config.alpn = std::move(names);
    const auto client = client_context(config);
    Pair pair(loop, *server, *client, "a.test");
    if (!pair.handshake()) return std::string("none");
    CHECK(pair.client->protocol() == pair.server->protocol());
    return std::string(pair.server->protocol());
  };
  CHECK(offer({}).empty());
  CHECK(offer({"h2", "acme", "http/1.1"}) == "http/1.1");
  CHECK(offer({"acme"}) == "acme");
  CHECK(offer({"h2"}) == "none");
}

TEST_CASE("sessions are resumed by every context that has the same keys and asks for the same") {
  net::Loop loop;
  ManualClock clock;
  Sides sides;
  const auto tickets = std::make_shared<TicketKeys>(clock);
  const auto first = server_context(sides.server, tickets);
  const auto second = server_context(sides.server, tickets);  // Another worker, or after a reload.
  const auto stranger = server_context(sides.server, tickets, "other listener");
  config::ListenerTls strict_config = sides.server;
  strict_config.client_auth.mode = config::ClientAuthMode::required;
  strict_config.client_auth.ca = sides.authority.ca_file();
  const auto strict = server_context(strict_config, tickets);
  const auto client = client_context(sides.client);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const auto slot = std::make_shared<SessionSlot>();
    const auto visit = [&](const ServerContext& server, std::shared_ptr<SessionSlot> with) {
      Pair pair(loop, server, *client, "a.test", std::move(with));
      SSL_set_max_proto_version(pair.client->ssl(), version);
      REQUIRE(pair.handshake());
      CHECK(pair.client->resumed() == pair.server->resumed());
      CHECK(pair.server->server_name() == "a.test");
      Outcome<void> written;
      pair.scope.spawn(net::write_once(*pair.server, "x", written));
      char byte = 0;
      Outcome<std::size_t> read;
      pair.scope.spawn(net::read_once(*pair.client, {&byte, 1}, read));  // With it the tickets.
      net::settle(loop);
      // With TLS 1.2 OpenSSL does not tell of a session that was renewed while it was resumed.
      if (version == TLS1_2_VERSION) {
        SSL_CTX* context = SSL_get_SSL_CTX(pair.client->ssl());
        SSL_CTX_up_ref(context);
        slot->save(SessionPtr(SSL_get1_session(pair.client->ssl())), ContextPtr(context));
      }
      return pair.server->resumed();
    };
    CHECK_FALSE(visit(*first, slot));
    CHECK(visit(*second, slot));
    CHECK(visit(*first, slot));
    // Not without a client certificate where one is required.
    {
      Pair pair(loop, *strict, *client, "a.test", slot);
      SSL_set_max_proto_version(pair.client->ssl(), version);
      pair.handshake();
      CHECK(pair.server_shaken.failed_with(ErrorCode::untrusted));
    }
    CHECK_FALSE(visit(*stranger, slot));
    CHECK_FALSE(visit(*first, slot));
    // Over changes of the keys: tickets of the one before are taken, and renewed.
    clock.advance(std::chrono::hours(13));
    CHECK(visit(*second, slot));
    clock.advance(std::chrono::hours(13));
    CHECK(visit(*second, slot));
    clock.advance(std::chrono::hours(25));
    CHECK_FALSE(visit(*second, slot));
  }
}

TEST_CASE("client certificates") {
  net::Loop loop;
  Sides sides;
  const Authority foreign("Another CA");
  const auto with = [&](config::ClientAuthMode mode, const config::TlsCertificate* own) {
    config::ListenerTls config = sides.server;
    config.client_auth.mode = mode;
    config.client_auth.ca = sides.authority.ca_file();
    const auto server = server_context(config);
    config::PoolTls client_config = sides.client;
    if (own) {
      client_config.cert = own->cert;
      client_config.key = own->key;
    }
    const auto client = client_context(client_config);
    Pair pair(loop, *server, *client, "a.test");
    pair.handshake();
    if (!pair.server_shaken.result) return std::string(error_name(pair.server_shaken.result.error().code));
    return std::string(SSL_get0_peer_certificate(pair.server->ssl()) ? "certificate" : "none");
  };
  const config::TlsCertificate good = sides.authority.issue("client.test");
  const config::TlsCertificate bad = foreign.issue("client.test");
  const config::TlsCertificate late =
      sides.authority.issue("late", Wish{"late", {}, false, false, -7200, -3600});
  using Mode = config::ClientAuthMode;
  CHECK(with(Mode::none, &good) == "none");
  CHECK(with(Mode::optional, nullptr) == "none");
  CHECK(with(Mode::optional, &good) == "certificate");
  CHECK(with(Mode::optional, &bad) == "untrusted");
  CHECK(with(Mode::required, nullptr) == "untrusted");
  CHECK(with(Mode::required, &good) == "certificate");
  CHECK(with(Mode::required, &bad) == "untrusted");
  CHECK(with(Mode::required, &late) == "untrusted");
}

TEST_CASE("files that cannot be used are named, with what is wrong") {
  const Authority authority;
  const Folder& folder = authority.folder;
  const config::TlsCertificate good = authority.issue("a.test");
  config::ListenerTls config;
  config.certificates = {good};
  config::TlsCertificate& files = config.certificates.front();
  CHECK(problems_of(config).empty());

  SUBCASE("not there") {
    files.cert = folder.file("absent.crt");
    CHECK(problems_of(config) ==
          "error: certificates[0].cert: cannot read \"" + files.cert + "\": No such file or directory\n");
  }
  SUBCASE("not PEM") {
    files.cert = folder.write("x.der", "\x30\x82 binary");
    CHECK(has(problems_of(config), "certificates[0].cert: \"" + files.cert + "\" is not PEM"));
  }
  SUBCASE("another key") {
    files.key = authority.issue("b.test").key;
    CHECK(has(problems_of(config), "certificates[0].key: the private key in"));
    CHECK(has(problems_of(config), "does not belong to the certificate"));
  }
  SUBCASE("the key's file holds a certificate") {
    files.key = good.cert;
    CHECK(has(problems_of(config), "holds no private key"));
  }
  SUBCASE("a password") {
    files.key = folder.write("locked.key", pem(make_key(), "secret"));
    CHECK(has(problems_of(config), "is protected by a password"));
  }
  SUBCASE("issuer first") {
    const std::string both = folder.read("a.test.crt");
    const std::size_t second = both.find("-----BEGIN", 10);
    files.cert = folder.write("turned.crt", both.substr(second) + both.substr(0, second));
    CHECK(
        has(problems_of(config), "the second certificate of \"" + files.cert + "\" is the one that the key"));
  }
  SUBCASE("a chain that is none") {
    const Authority other("Other CA");
    files.cert = folder.write("mixed.crt", folder.read("a.test.crt") + other.folder.read("ca.crt"));
    CHECK(has(problems_of(config), "is in the wrong order: the third certificate (CN=Other CA)"));
  }
  SUBCASE("expired, which is a warning") {
    files = authority.issue("old", Wish{"old.test", {"DNS:old.test"}, false, false, -7200, -3600});
    CHECK(has(problems_of(config), "warning: certificates[0].cert: the certificate in"));
    CHECK(has(problems_of(config), "(old.test) expired on "));
  }
  SUBCASE("not for this user") {
    chmod(files.key.c_str(), 0);
    if (geteuid() != 0) CHECK(has(problems_of(config), "may not read it"));
  }
  SUBCASE("damaged") {
    std::string text = folder.read("a.test.crt");
    text[text.size() / 4] = '!';
    files.cert = folder.write("damaged.crt", text);
    CHECK(has(problems_of(config), "is damaged"));
  }
  SUBCASE("every one is told") {
    config.certificates.push_back(good);
    config.certificates[0].cert = folder.file("absent.crt");
    config.certificates[1].key = folder.file("absent.key");
    const std::string told = problems_of(config);
    CHECK(std::count(told.begin(), told.end(), '\n') == 2);
  }
  SUBCASE("no response to staple") {
    files.ocsp = folder.write("x.ocsp", "nothing");
    CHECK(has(problems_of(config), "certificates[0].ocsp: \"" + files.ocsp + "\" is no OCSP response"));
  }
  SUBCASE("the clients' authority") {
    config.client_auth.mode = config::ClientAuthMode::required;
    config.client_auth.ca = folder.file("absent-ca.crt");
    CHECK(has(problems_of(config), "client_auth.ca: cannot read"));
    config.client_auth.ca = good.key;
    CHECK(has(problems_of(config), "client_auth.ca: \"" + good.key + "\" holds no certificate"));
  }
  SUBCASE("certificate and key in one file") {
    files.cert = folder.write("joined.pem", folder.read("a.test.crt") + folder.read("a.test.key"));
    files.key.clear();
    CHECK(problems_of(config).empty());
  }
}
