# Run in a tree with retries-on-a0ed3b3.patch applied: two tests that the new behaviour needs changed.
p='tests/unit/proxy/outcome_test.cc'; s=open(p).read()
s=s.replace('  CHECK(silent == 3);','  CHECK(speaks_for_server(EndReason::upstream_status, 503) == false);\n  CHECK(speaks_for_server(EndReason::upstream_status, 429) == true);\n  CHECK(silent == 4);')
open(p,'w').write(s)
p='tests/e2e/test_upstream.py'; s=open(p).read()
i=s.index('def test_streamed_body_is_not_repeated'); j=s.index('\n\n\ndef ', i)
s=s[:i]+'''@pytest.mark.parametrize("size,status", [(10, 200), (100_000, 502)])
def test_streamed_body_is_repeated_while_it_is_kept(start, origin, size, status):
    """A PUT may be repeated, but only while its whole body is still there: 64 KiB of it are kept."""
    server = origin(dies_at_second_request("close"))
    lintel = start(proxy_to(server))
    body = b"x" * size
    with lintel.connect() as client:
        assert client.ask(request("PUT", "/", body=b"1")).status == 200
        client.send(request("PUT", "/", f"Content-Length: {size}") + body[:5])
        server.wait_for_requests(2)
        client.send(body[5:])
        assert client.read_response("PUT").status == status
    repeated = [body] if status == 200 else []
    assert [seen.body for seen in server.requests] == [b"1", body, *repeated]'''+s[j:]
open(p,'w').write(s)
