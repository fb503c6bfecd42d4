#include <doctest/doctest.h>

#include <string>
#include <tuple>
#include <vector>

#include "head_text.h"
#include "http/h1_chunked.h"
#include "http/h1_serializer.h"

namespace lintel::http::test {
namespace {

using namespace std::string_literals;

/// Data, "|", trailers, "|", how many bytes follow; or "error", or "need_more".
std::string decode(const std::string& wire, std::size_t first, std::size_t second,
                   const HeadLimits& limits = {}) {
  Fields trailers;
  ChunkDecoder decoder;
  decoder.start(trailers, limits, UnderscoreNames::drop);
  std::string data;
  std::size_t consumed = 0;
  ChunkDecoder::Progress progress;
  for (const auto& [begin, end] :
       {std::pair{std::size_t{0}, first}, {first, second}, {second, wire.size()}}) {
    std::string part = wire.substr(begin, end - begin);
    progress = decoder.feed(std::span<char>(part.data(), part.size()));
    data.append(progress.data.data(), progress.data.size());
    consumed += progress.consumed;
    if (progress.status != ChunkDecoder::Status::need_more) break;
    REQUIRE(progress.consumed == part.size());
  }
  if (progress.status == ChunkDecoder::Status::error) return "error";
  if (progress.status == ChunkDecoder::Status::need_more) return "need_more";
  return data + "|" + describe(trailers) + "|" + std::to_string(wire.size() - consumed);
}
std::string decode(const std::string& wire, const HeadLimits& limits = {}) {
  return decode(wire, wire.size(), wire.size(), limits);
}

struct Row {
  std::string wire;
  std::string expected;
};

const std::vector<Row> kRows = {
    {"0\r\n\r\n", "||0"},
    {"5\r\nhello\r\n0\r\n\r\n", "hello||0"},
    {"5\r\nhello\r\n6\r\n world\r\n1\r\n!\r\n0\r\n\r\nGET /", "hello world!||5"},
    {"A\r\n0123456789\r\n00\r\n\r\n", "0123456789||0"},
    {"0000000000000001\r\nx\r\n0\r\n\r\n", "x||0"},
    {"1;a\r\nx\r\n0;b=c;d=\"e\\\";f\"\r\n\r\n", "x||0"},
    {"1 ; a = b ; c = \"d\" ;e\r\nx\r\n0\r\n\r\n", "x||0"},
    {"0\r\nX: y\r\nZ:  1 \r\n\r\n", "|X=y\nZ=1\n|0"},
    {"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nAuthorization: c\r\nTrailer: "
     "x\r\nA_B: c\r\n"
     "Content-Type: x\r\nX-Forwarded-For: y\r\nSet-Cookie: z\r\nConnection: q\r\nX: y\r\n\r\n",
     "|X=y\n|0"},
    {"0\r\nProxy-Status: a\r\nProxy-Authenticate: b\r\n\r\n", "|Proxy-Status=a\n|0"},
    {"3\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\n||0"},
    {"1\r\nx\r\n", "need_more"},
    {"1\r\nx\r\n0\r\n", "need_more"},
    {"1\r\nx\r\n0\r\nA: b\r\n", "need_more"},
    // Refused.
    {"5\nhello\r\n0\r\n\r\n", "error"},
    {"5\r\nhello\n0\r\n\r\n", "error"},
    {"5\r\nhello\r0\r\n\r\n", "error"},
    {"5\r\nhello!\r\n0\r\n\r\n", "error"},
    {"5\r\nhelloXX0\r\n\r\n", "error"},
    {"5\rXhello\r\n0\r\n\r\n", "error"},
    {"0\r\n\n", "error"},
    {"0\n\r\n", "error"},
    {"0\r\n\rX", "need_more"},
    {"0\r\n\rX\n", "error"},
    {" 5\r\nhello\r\n0\r\n\r\n", "error"},
    {"\r\n5\r\nhello\r\n0\r\n\r\n", "error"},
    {"5 \r\nhello\r\n0\r\n\r\n", "error"},
    {"0x5\r\nhello\r\n0\r\n\r\n", "error"},
    {"+5\r\nhello\r\n0\r\n\r\n", "error"},
    {"-1\r\nhello\r\n0\r\n\r\n", "error"},
    {"5_0\r\nhello\r\n0\r\n\r\n", "error"},
    {"g\r\n", "error"},
    {";a\r\n", "error"},
    {"\r\n", "error"},
    {"00000000000000005\r\nhello\r\n0\r\n\r\n", "error"},
    {"8000000000000000\r\n", "error"},
    {"ffffffffffffffff\r\n", "error"},
    {"10000000000000005\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a\nhello\r\n0\r\n\r\n", "error"},
    {"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a=\"b\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a=\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a b\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a=b c\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a\x01\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a\0\r\nhello\r\n0\r\n\r\n"s, "error"},
    {"5;\x80\r\nhello\r\n0\r\n\r\n", "error"},
    {"5;a\rb\r\nhello\r\n0\r\n\r\n", "error"},
    {"0\r\nA: b\n\r\n", "error"},
    {"0\r\nA: b\rC: d\r\n\r\n", "error"},
    {"0\r\nA: b\r\n c\r\n\r\n", "error"},
    {"0\r\n A: b\r\n\r\n", "error"},
    {"0\r\nA : b\r\n\r\n", "error"},
    {"0\r\nA\r\n\r\n", "error"},
    {"0\r\n: b\r\n\r\n", "error"},
    {"0\r\nA: \0\r\n\r\n"s, "error"},
};

TEST_CASE("chunks: what becomes of them, however the input is split") {
  for (const Row& row : kRows) {
    CAPTURE(row.wire);
    CHECK(decode(row.wire) == row.expected);
    for (std::size_t first = 0; first <= row.wire.size(); ++first)
      for (std::size_t second = first; second <= row.wire.size(); ++second)
        REQUIRE(decode(row.wire, first, second) == row.expected);
  }
}

TEST_CASE("chunks: limits") {
  const std::string extension = ";" + std::string(2000, 'a');
  CHECK(decode("1" + extension + "\r\nx\r\n1" + extension + "\r\nx\r\n0\r\n\r\n") == "xx||0");
  CHECK(decode("1" + extension + "\r\nx\r\n1" + extension + "\r\nx\r\n0" + extension + "\r\n\r\n") ==
        "error");
  std::string wire;  // Extensions in step with the data may go on for ever.
  for (int i = 0; i < 50; ++i) wire += "7d0" + extension + "\r\n" + std::string(2000, 'x') + "\r\n";
  CHECK(decode(wire + "0\r\n\r\n").size() > 100000);

  const HeadLimits limits{.head = 100, .field = 40, .count = 3};
  CHECK(decode("0\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", limits) == "|A=b\nA=b\nA=b\n|0");
  CHECK(decode("0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", limits) == "error");
  CHECK(decode("0\r\nA: " + std::string(40, 'b') + "\r\n\r\n", limits) == "error");
  const std::string line = "A: " + std::string(35, 'b') + "\r\n";
  CHECK(decode("0\r\n" + line + line + "\r\n", limits).ends_with("|0"));
  CHECK(decode("0\r\n" + line + line + line + "\r\n", limits) == "error");
}

TEST_CASE("chunks: one run of data stays in its place") {
  Fields trailers;
  ChunkDecoder decoder;
  decoder.start(trailers, {}, UnderscoreNames::keep);
  std::string wire = "5\r\nhello\r\n0\r\nA_B: c\r\n\r\nrest";
  const auto progress = decoder.feed(wire);
  CHECK(progress.status == ChunkDecoder::Status::done);
  CHECK(progress.data.data() == wire.data() + 3);
  CHECK(progress.data.size() == 5);
  CHECK(wire.substr(progress.consumed) == "rest");
  CHECK(trailers.get("a_b") == "c");
}

TEST_CASE("chunks: underscores in names of trailers") {
  const std::string wire = "0\r\nA_B: c\r\nD: e\r\nF_: g\r\n\r\n";
  for (const auto& [names, status, left, dropped] :
       {std::tuple(UnderscoreNames::keep, ChunkDecoder::Status::done, 3U, 0U),
        std::tuple(UnderscoreNames::drop, ChunkDecoder::Status::done, 1U, 2U),
        std::tuple(UnderscoreNames::reject, ChunkDecoder::Status::error, 0U, 0U)}) {
    Fields trailers;
    ChunkDecoder decoder;
    decoder.start(trailers, {}, names);
    std::string copy = wire;
    CHECK(decoder.feed(copy).status == status);
    CHECK(trailers.count() == left);
    CHECK(decoder.dropped_underscore() == dropped);
  }
}

TEST_CASE("chunks: written, then decoded") {
  Buffer out;
  const std::string data(5000, 'x');
  write_chunk_begin(out, data.size());
  out.append(data);
  write_chunk_end(out);
  Fields trailers;
  trailers.add("A", "b");
  trailers.add("C", "d");
  trailers.remove("a");
  write_last_chunk(out, &trailers);
  CHECK(out.view().ends_with("0\r\nC: d\r\n\r\n"));
  CHECK(decode(std::string(out.view())) == data + "|C=d\n|0");
}

}  // namespace
}  // namespace lintel::http::test
