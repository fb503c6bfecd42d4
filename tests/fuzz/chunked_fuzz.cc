// Chunked bodies. Oracles: every split of the input gives the same; decoded bytes lie within the input; what
// was decoded, written in chunks again, decodes to the same data and trailers.
//
// Input: two bytes that say where to split, then the wire.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/h1_chunked.h"
#include "http/h1_serializer.h"
#include "http/head_text.h"

using namespace lintel;
using namespace lintel::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Decoded {
  ChunkDecoder::Status status = ChunkDecoder::Status::need_more;
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;

  bool operator==(const Decoded& other) const noexcept {
    // With an error, whether some trailers were read before it is of no interest.
    return status == other.status && data == other.data &&
           (status == ChunkDecoder::Status::error ||
            (trailers == other.trailers && consumed == other.consumed));
  }
};

Decoded decode(std::string_view wire, std::size_t first, std::size_t second) {
  Decoded result;
  Fields trailers;
  ChunkDecoder decoder;
  decoder.start(trailers, {}, UnderscoreNames::drop);
  for (const std::string_view view :
       {wire.substr(0, first), wire.substr(first, second - first), wire.substr(second)}) {
    std::string part(view);
    const ChunkDecoder::Progress progress = decoder.feed(std::span<char>(part.data(), part.size()));
    require(progress.consumed <= part.size());
    require(progress.data.empty() ||
            (progress.data.data() >= part.data() &&
             progress.data.data() + progress.data.size() <= part.data() + progress.consumed));
    result.data.append(progress.data.data(), progress.data.size());
    result.consumed += progress.consumed;
    result.status = progress.status;
    if (progress.status != ChunkDecoder::Status::need_more) break;
    require(progress.consumed == part.size());
  }
  result.trailers = test::describe(trailers);
  if (result.status != ChunkDecoder::Status::done) return result;

  Buffer out;
  if (!result.data.empty()) {
    write_chunk_begin(out, result.data.size());
    out.append(result.data);
    write_chunk_end(out);
  }
  write_last_chunk(out, &trailers);
  Fields again;
  decoder.start(again, HeadLimits{.head = 1 << 20, .field = 1 << 20}, UnderscoreNames::drop);
  const ChunkDecoder::Progress progress = decoder.feed(out.span());
  require(progress.status == ChunkDecoder::Status::done && progress.consumed == out.size());
  require(std::string_view(progress.data.data(), progress.data.size()) == result.data);
  require(test::describe(again) == result.trailers);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t first = std::min<std::size_t>(data[0], wire.size());
  const std::size_t second = std::min<std::size_t>(first + data[1], wire.size());
  require(decode(wire, wire.size(), wire.size()) == decode(wire, first, second));
  return 0;
}
