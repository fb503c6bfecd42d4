"""The duties of an HTTP/1.1 intermediary as a table: each row is a test against a running proxy.

`row` says what a row is, `expect` what may be asked of it, `recorder` is the origin that writes down what it sees,
`stage` the play of one row, `proxies` the programs under test; the rows themselves are the modules of `rows/`.
"""
