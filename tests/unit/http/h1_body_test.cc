// Bodies by their framing, and bytes read ahead.

#include "http/h1_body.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/net_test.h"

using namespace lintel;
using namespace lintel::http;

namespace {

std::string describe(BodyDecoder::Status status) {
  return status == BodyDecoder::Status::done    ? "done"
         : status == BodyDecoder::Status::error ? "error"
                                                : "more";
}

/// Decodes `wire` in two pieces: the data, how it ended, and how many bytes were left.
std::string decode(BodyDecoder& decoder, std::string wire, std::size_t split) {
  std::string data;
  BodyDecoder::Piece piece;
  std::size_t consumed = 0;
  for (std::span<char> part : {std::span(wire).first(split), std::span(wire).subspan(split)}) {
    piece = decoder.decode(part);
    data.append(piece.data.data(), piece.data.size());
    consumed += piece.consumed;
    if (piece.status != BodyDecoder::Status::need_more) break;
  }
  CHECK(decoder.bytes() == data.size());
  return data + "|" + describe(piece.status) + "|" + std::to_string(wire.size() - consumed);
}

std::string written(const net::WriteSpans& spans) {
  std::string text;
  for (const iovec& part : spans.parts()) text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  return text;
}

}  // namespace

TEST_CASE("body decoder: each framing, at every split") {
  struct Row {
    Framing framing;
    std::string wire;
    std::string want;
  };
  const Row rows[] = {
      {Framing::none(), "next", "|done|4"},
      {Framing::of_length(0), "next", "|done|4"},
      {Framing::of_length(3), "abcnext", "abc|done|4"},
      {Framing::of_length(9), "abc", "abc|more|0"},
      {Framing::chunked(), "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nnext", "abcde|done|4"},
      {Framing::chunked(), "3\r\nabc\r\n2\r\nd", "abcd|more|0"},
      {Framing::chunked(), "3\r\nabcX", "abc|error|1"},
      {Framing::until_close(), "abc", "abc|more|0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.wire);
    for (std::size_t split = 0; split <= row.wire.size(); ++split) {
      CAPTURE(split);
      BodyDecoder decoder;
      decoder.start(row.framing, {}, UnderscoreNames::drop);
      CHECK(decode(decoder, row.wire, split) == row.want);
    }
  }
}

TEST_CASE("body decoder: the end of the stream") {
  BodyDecoder decoder;
  decoder.start(Framing::of_length(3), {}, UnderscoreNames::drop);
  CHECK(decoder.at_end_of_stream() == BodyDecoder::Status::error);
  decoder.start(Framing::chunked(), {}, UnderscoreNames::drop);
  CHECK(decoder.at_end_of_stream() == BodyDecoder::Status::error);
  decoder.start(Framing::until_close(), {}, UnderscoreNames::drop);
  CHECK(decoder.at_end_of_stream() == BodyDecoder::Status::done);
  decoder.start(Framing::none(), {}, UnderscoreNames::drop);
  CHECK(decoder.at_end_of_stream() == BodyDecoder::Status::done);
}

TEST_CASE("body decoder: limit, and errors that stay") {
  BodyDecoder decoder;
  decoder.start(Framing::of_length(10), {}, UnderscoreNames::drop);
  decoder.set_limit(4);
  std::string text = "abcd";
  static_cast<void>(decoder.decode(text));
  CHECK_FALSE(decoder.over_limit());
  CHECK(decoder.needs_input());
  static_cast<void>(decoder.decode(std::span(text).first(1)));
  CHECK(decoder.over_limit());
  CHECK_FALSE(decoder.needs_input());

  decoder.start(Framing::chunked(), {}, UnderscoreNames::drop);
  CHECK_FALSE(decoder.over_limit());
  std::string bad = "zz";
  CHECK(decoder.decode(bad).status == BodyDecoder::Status::error);
  CHECK_FALSE(decoder.needs_input());
  std::string good = "1\r\na\r\n";
  CHECK(decoder.decode(good).status == BodyDecoder::Status::error);
  CHECK(std::string(decoder.decode({}).reason).size() > 4);
}

TEST_CASE("body decoder and encoder: what need not be looked at") {
  BodyDecoder decoder;
  decoder.start(Framing::chunked(), {}, UnderscoreNames::drop);
  CHECK(decoder.verbatim() == 0);
  decoder.start(Framing::until_close(), {}, UnderscoreNames::drop);
  CHECK(decoder.verbatim() == ~std::uint64_t{0});
  decoder.start(Framing::of_length(100), {}, UnderscoreNames::drop);
  CHECK(decoder.verbatim() == 100);
  decoder.skip(60);
  CHECK(decoder.verbatim() == 40);
  CHECK(decoder.needs_input());
  CHECK(decoder.at_end_of_stream() == BodyDecoder::Status::error);
  decoder.skip(40);
  CHECK(decoder.verbatim() == 0);
  CHECK_FALSE(decoder.needs_input());
  CHECK(decoder.decode({}).status == BodyDecoder::Status::done);
  CHECK(decoder.bytes() == 100);

  BodyEncoder encoder;
  encoder.start(Framing::chunked());
  CHECK(encoder.verbatim() == 0);
  encoder.start(Framing::of_length(100));
  encoder.skip(100);
  CHECK_FALSE(encoder.done());
  Buffer out;
  CHECK(encoder.frame(out, BodyChunk({}, true), nullptr).empty());
  CHECK(encoder.done());
}

TEST_CASE("body decoder: trailers keep to the limits on heads, and say which they reached") {
  HeadLimits limits;
  limits.head = 64;
  limits.field = 32;
  limits.count = 2;
  const std::string long_value(40, 'v');
  const std::array<std::pair<std::string, Limit>, 4> cases = {{
      {"A: 1\r\nB: 2\r\nC: 3\r\n\r\n", Limit::header_count},
      {"A: " + long_value, Limit::header_field_size},
      {"A: 1234567890123456789012345\r\nB: 1234567890123456789012345\r\n1234567890", Limit::header_size},
      {"A B: 1\r\n", Limit::none},
  }};
  for (const auto& [trailers, limit] : cases) {
    CAPTURE(trailers);
    BodyDecoder decoder;
    decoder.start(Framing::chunked(), limits, UnderscoreNames::keep);
    std::string body = "0\r\n" + trailers;
    CHECK(decoder.decode(body).status == BodyDecoder::Status::error);
    CHECK(decoder.reached_limit() == limit);
    decoder.start(Framing::chunked(), limits, UnderscoreNames::keep);
    CHECK(decoder.reached_limit() == Limit::none);
  }
}

TEST_CASE("body decoder: trailers, and none left over from the message before") {
  BodyDecoder decoder;
  decoder.start(Framing::chunked(), {}, UnderscoreNames::drop);
  std::string first = "0\r\nX-Sum: 1\r\n\r\n";
  CHECK_FALSE(decoder.trailers());
  CHECK(decoder.decode(first).status == BodyDecoder::Status::done);
  REQUIRE(decoder.trailers());
  CHECK(decoder.trailers()->get("x-sum") == "1");
  decoder.start(Framing::of_length(0), {}, UnderscoreNames::drop);
  CHECK_FALSE(decoder.trailers());
  decoder.start(Framing::chunked(), {}, UnderscoreNames::drop);
  std::string second = "0\r\n\r\n";
  CHECK(decoder.decode(second).status == BodyDecoder::Status::done);
  CHECK_FALSE(decoder.trailers());
}

TEST_CASE("body encoder: each framing, small pieces and large") {
  const std::string large = net::pattern(20'000);
  Fields trailers;
  trailers.add("X-Sum", "1");
  struct Row {
    Framing framing;
    std::vector<std::pair<std::string, bool>> pieces;
    std::string want;
    bool done;
  };
  const Row rows[] = {
      {Framing::none(), {{"ignored", true}}, "HEAD", true},
      {Framing::of_length(5), {{"he", false}, {"llo", true}}, "HEADhello", true},
      {Framing::of_length(5), {{"he", false}, {"", true}}, "HEADhe", false},
      {Framing::of_length(2), {{"hello", true}}, "HEADhe", true},  // Never more than was promised.
      {Framing::of_length(20'000), {{large, true}}, "HEAD" + large, true},
      {Framing::chunked(),
       {{"hi", false}, {"", false}, {"", true}},
       "HEAD2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
       true},
      {Framing::chunked(), {{"hi", true}}, "HEAD2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", true},
      {Framing::chunked(), {{large, false}}, "HEAD4e20\r\n" + large + "\r\n", false},
      {Framing::until_close(), {{"hi", false}, {large, true}}, "HEADhi" + large, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.want.substr(0, 40));
    BodyEncoder encoder;
    encoder.start(row.framing);
    Buffer out;
    out.append("HEAD");
    std::string got;
    for (const auto& [piece, last] : row.pieces) {
      got += written(encoder.frame(out, BodyChunk(piece, last), &trailers));
      out.clear();
    }
    CHECK((got == row.want));
    CHECK(encoder.done() == row.done);
  }
}

TEST_CASE("read ahead: order, and memory only while it holds bytes") {
  BufferPool pool;
  ReadAhead ahead(pool);
  CHECK(ahead.empty());
  std::string a = "abc", b = "def";
  ahead.keep(a);
  ahead.consume(1);
  ahead.keep(b);
  CHECK(std::string(ahead.bytes().data(), ahead.bytes().size()) == "bcdef");
  const std::span<char> seen = ahead.bytes();
  ahead.consume(5);
  CHECK(ahead.empty());
  CHECK(std::string(seen.data(), seen.size()) == "bcdef");  // Until keep() or release().
  ahead.release();
  CHECK(pool.take().capacity() != 0);  // Its memory is there for others.
  ahead.keep({});
  CHECK(ahead.empty());
}

TEST_CASE("body decoder: trailers that Connection names are dropped") {
  Fields head;
  head.add("Connection", "X-Hop , close");
  head.add("connection", "x-other");
  BodyDecoder decoder;
  const auto decode = [&decoder](const Fields* nominating) {
    decoder.start(Framing::chunked(), {}, UnderscoreNames::keep);
    decoder.set_nominating(nominating);
    std::string text = "0\r\nx-hop: 1\r\nX-Sum: 2\r\nX-Other: 3\r\nX-HOP: 4\r\n\r\n";
    CHECK(decoder.decode(text).status == BodyDecoder::Status::done);
    return decoder.trailers()->count();
  };
  CHECK(decode(&head) == 1);
  CHECK(decoder.trailers()->get("X-Sum") == "2");
  CHECK(decode(nullptr) == 4);
}
