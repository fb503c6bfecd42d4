#include "http/h1_serializer.h"

#include <cassert>

namespace lintel::http {
namespace {

constexpr std::string_view kEnd = "\r\n";

/// Whether a line stands in the bytes exactly as "name: value\r\n", so that it can be copied as it is.
bool is_plain(const Fields& fields, const Fields::Line& line) noexcept {
  const Buffer& bytes = fields.bytes();
  const char* colon = bytes.data() + line.name_begin + line.name_size;
  const std::size_t value_end = std::size_t{line.value_begin} + line.value_size;
  return line.value_begin == line.name_begin + line.name_size + 2 && colon[1] == ' ' && colon[0] == ':' &&
         value_end + 2 <= bytes.size() && bytes.data()[value_end] == '\r' &&
         bytes.data()[value_end + 1] == '\n';
}

/// Writes all lines that are not removed; plain lines that follow each other in memory go out in one copy.
void write_fields(Buffer& out, const Fields& fields) {
  const Buffer& bytes = fields.bytes();
  std::uint32_t run_begin = 0, run_end = 0;
  const auto flush = [&] { out.append(bytes.view(run_begin, run_end - run_begin)); };
  for (const Fields::Line& line : fields.lines()) {
    if (line.removed) continue;
    if (is_plain(fields, line)) {
      if (line.name_begin != run_end) {
        flush();
        run_begin = line.name_begin;
      }
      run_end = line.value_begin + line.value_size + 2;
      continue;
    }
    flush();
    run_begin = run_end = 0;
    out.append(fields.name(line));
    out.append(": ");
    out.append(fields.value(line));
    out.append(kEnd);
  }
  flush();
}

void write_content_length(Buffer& out, std::uint64_t length) {
  out.append("Content-Length: ");
  out.append_number(length);
  out.append(kEnd);
}

void write_framing(Buffer& out, const Framing& framing) {
  if (framing.kind == Framing::Kind::length) write_content_length(out, framing.length);
  if (framing.kind == Framing::Kind::chunked) out.append("Transfer-Encoding: chunked\r\n");
}

void write_upgrade(Buffer& out, std::string_view protocol) {
  out.append("Upgrade: ");
  out.append(protocol);
  out.append(kEnd);
}

}  // namespace

void write_request_head(Buffer& out, const RequestHead& head, const Framing& framing, bool upgrade) {
  assert(framing.kind != Framing::Kind::until_close);
  out.reserve(out.size() + head.fields.bytes().size() + 128);  // In most cases all that is needed.
  out.append(head.text(head.method_text));
  out.append(' ');
  out.append(head.text(head.path));
  if (head.has_query) {
    out.append('?');
    out.append(head.text(head.query));
  }
  out.append(" HTTP/1.1\r\nHost: ");
  out.append(head.text(head.authority));
  out.append(kEnd);
  write_fields(out, head.fields);
  write_framing(out, framing);
  if (head.expects_continue) out.append("Expect: 100-continue\r\n");
  const bool upgrades = upgrade && head.upgrade.size != 0;
  if (head.accepts_trailers) {
    out.append("TE: trailers\r\n");
    out.append(upgrades ? "Connection: upgrade, TE\r\n" : "Connection: TE\r\n");
  } else if (upgrades) {
    out.append("Connection: upgrade\r\n");
  }
  if (upgrades) write_upgrade(out, head.text(head.upgrade));
  out.append(kEnd);
}

void write_response_head(Buffer& out, const ResponseHead& head, const Framing& framing,
                         const ResponseWriteOptions& options) {
  assert(framing.kind != Framing::Kind::chunked || options.client_version != Version::http10);
  assert(head.status >= 100 && head.status <= 999);
  out.reserve(out.size() + head.fields.bytes().size() + 128);
  out.append("HTTP/1.1 ");
  out.append_number(static_cast<std::uint64_t>(head.status));
  out.append(' ');
  out.append(head.reason.size != 0 ? head.text(head.reason) : reason_phrase(head.status));
  out.append(kEnd);
  write_fields(out, head.fields);
  write_framing(out, framing);
  if (framing.kind == Framing::Kind::none && options.keep_content_length_for_head && head.content_length)
    write_content_length(out, *head.content_length);
  if (head.upgrade.size != 0 && options.client_version != Version::http10) {
    out.append(options.close ? "Connection: close, upgrade\r\n" : "Connection: upgrade\r\n");
    write_upgrade(out, head.text(head.upgrade));
  } else if (options.close) {
    out.append("Connection: close\r\n");
  } else if (options.client_version == Version::http10) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append(kEnd);
}

void write_chunk_begin(Buffer& out, std::uint64_t size) {
  assert(size != 0);  // That would end the body.
  out.append_hex(size);
  out.append(kEnd);
}

void write_chunk_end(Buffer& out) {
  out.append(kEnd);
}

void write_last_chunk(Buffer& out, const Fields* trailers) {
  out.append("0\r\n");
  if (trailers != nullptr) write_fields(out, *trailers);
  out.append(kEnd);
}

}  // namespace lintel::http
