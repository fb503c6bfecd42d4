// A Node server as people write it. GET /: text; POST /echo: the body, chunked, with its length as a trailer;
// /headers: the request's headers as JSON; /early: 103 first; /slow?ms=N: waits; /stream?n=N: N chunks.
'use strict';
const http = require('http');

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const number = (name) => Number(url.searchParams.get(name));
  switch (url.pathname) {
    case '/echo': {
      let size = 0;
      response.writeHead(200, {'Content-Type': 'application/octet-stream', 'Trailer': 'X-Size'});
      request.on('data', (data) => {
        size += data.length;
        if (!response.write(data)) {
          request.pause();
          response.once('drain', () => request.resume());
        }
      });
      request.on('end', () => {
        response.addTrailers({'X-Size': String(size)});
        response.end();
      });
      return;
    }
    case '/headers':
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({headers: request.headers, version: request.httpVersion}));
      return;
    case '/early':
      response.writeEarlyHints({link: '</style.css>; rel=preload; as=style'});
      response.end('early\n');
      return;
    case '/slow':
      setTimeout(() => response.end('slow\n'), number('ms'));
      return;
    case '/stream': {
      let left = number('n');
      const next = () => {
        if (left-- > 0) response.write('chunk\n', next);
        else response.end();
      };
      next();
      return;
    }
    default:
      response.setHeader('Content-Type', 'text/plain');
      response.end('node\n');
  }
});
server.keepAliveTimeout = 30000;
server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
