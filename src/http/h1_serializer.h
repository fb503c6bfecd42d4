#pragma once

// HTTP/1.1 onto the wire. Everything is appended to a buffer; nothing suspends or fails. Only bytes made here
// go out: lines are written from checked names and values, framing and Connection from their own arguments.

#include <cstdint>

#include "base/buffer.h"
#include "http/h1_framing.h"
#include "http/message.h"

namespace lintel::http {

/// Appends a request head in origin form, as HTTP/1.1: request line, Host, fields, framing, Expect, TE,
/// Upgrade. `upgrade`: send head.upgrade and its Connection option.
void write_request_head(Buffer& out, const RequestHead& head, const Framing& framing, bool upgrade);

struct ResponseWriteOptions {
  bool close = false;  ///< Announce that the connection ends.
  /// HTTP/1.0 clients are told keep-alive; they must not get chunks, and know nothing of Upgrade.
  Version client_version = Version::http11;
  /// With Framing::none: send head.content_length (answers to HEAD, 304).
  bool keep_content_length_for_head = false;
};

/// Appends a response head, interim or final. head.upgrade goes out with its Connection option.
void write_response_head(Buffer& out, const ResponseHead& head, const Framing& framing,
                         const ResponseWriteOptions& options);

/// Appends the line before a chunk of `size` > 0 bytes; after its data goes write_chunk_end.
void write_chunk_begin(Buffer& out, std::uint64_t size);
void write_chunk_end(Buffer& out);
/// Appends the last chunk, the trailers if there are any, and the end of the body.
void write_last_chunk(Buffer& out, const Fields* trailers);

}  // namespace lintel::http
