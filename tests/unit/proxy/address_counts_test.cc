// Connections by client address.

#include "proxy/address_counts.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"

using namespace lintel;
using namespace lintel::proxy;

namespace {

AddressKey key(std::string_view ip) {
  const std::optional<AddressKey> found = AddressKey::of(*SocketAddress::from_ip(ip, 1234));
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("address counts: what counts as one address") {
  CHECK(key("10.0.0.1") == *AddressKey::of(*SocketAddress::from_ip("10.0.0.1", 1)));
  CHECK(key("10.0.0.1") != key("10.0.0.2"));
  CHECK(key("::ffff:10.0.0.1") == key("10.0.0.1"));
  CHECK(key("2001:db8::1") == key("2001:db8::ffff:1"));
  CHECK(key("2001:db8:0:1::1") != key("2001:db8::1"));
  CHECK(key("::1") != key("0.0.0.0"));
  CHECK_FALSE(AddressKey::of(*SocketAddress::from_unix_path("/run/x")));
}

TEST_CASE("address counts: up to the limit, and again when places are given back") {
  AddressCounts counts;
  std::vector<AddressCounts::Place> places;
  for (int i = 0; i < 3; ++i) places.push_back(*counts.take(key("10.0.0.1"), 3));
  CHECK_FALSE(counts.take(key("10.0.0.1"), 3));
  CHECK(counts.take(key("10.0.0.1"), 4));  // Given back at once.
  CHECK(counts.take(key("10.0.0.2"), 3));
  CHECK(counts.size() == 1);
  places.pop_back();
  places.push_back(*counts.take(key("10.0.0.1"), 3));
  CHECK_FALSE(counts.take(key("10.0.0.1"), 3));
  AddressCounts::Place moved = std::move(places.back());
  places.clear();
  CHECK(counts.size() == 1);
  CHECK_FALSE(counts.take(key("10.0.0.1"), 1));
  moved = AddressCounts::Place();
  CHECK(counts.size() == 0);
}

TEST_CASE("address counts: as a plain map would, whatever comes and goes") {
  AddressCounts counts;
  Random random(7);
  std::map<std::uint32_t, std::vector<AddressCounts::Place>> model;
  constexpr std::size_t kMost = 3;
  for (int step = 0; step < 50'000; ++step) {
    // Waves, so that the table grows and empties.
    const bool coming = random.below(100) < (step / 5000 % 2 == 0 ? 70 : 30);
    const auto number = static_cast<std::uint32_t>(random.below(2000));
    std::vector<AddressCounts::Place>& places = model[number];
    if (coming) {
      std::optional<AddressCounts::Place> place = counts.take(
          key("10.0." + std::to_string(number / 200) + "." + std::to_string(number % 200)), kMost);
      REQUIRE(place.has_value() == (places.size() < kMost));
      if (place) places.push_back(std::move(*place));
    } else if (!places.empty()) {
      places.pop_back();
    }
  }
  std::size_t held = 0;
  for (const auto& [number, places] : model) held += places.empty() ? 0 : 1;
  CHECK(counts.size() == held);
  model.clear();
  CHECK(counts.size() == 0);
}

TEST_CASE("address counts: from several threads") {
  AddressCounts counts;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&counts] {
      for (int i = 0; i < 20'000; ++i) {
        const std::string ip = "10.0.0." + std::to_string(i % 50);
        const auto address = AddressKey::of(*SocketAddress::from_ip(ip, 1));
        const std::optional<AddressCounts::Place> place = counts.take(*address, 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(counts.size() == 0);
}
