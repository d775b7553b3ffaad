"""Names of daemons and clients."""

import unittest

import gospread
from gospread.names import Address, parse_daemon, private_name


class Daemons(unittest.TestCase):
    def test_forms(self):
        local = lambda port: Address((f"/run/spread/{port}", f"/tmp/{port}"), "127.0.0.1", port)  # noqa: E731
        for text, want in {
            "": local(4803),
            "4804": local(4804),
            " 4804": local(4804),
            "99999": local(34463),
            "-1": local(65535),
            "5811@localhost": Address((), "localhost", 5811),
            b"5811@localhost": Address((), "localhost", 5811),
            "5811 @host": Address((), "host", 5811),
            "5811@host junk": Address((), "host", 5811),
            "71347@h": Address((), "h", 5811),
            "5811@::1": Address((), "::1", 5811),
            "5811@[::1]": Address((), "::1", 5811),
            "unix:/a/b": Address(("/a/b",), None, 0),
        }.items():
            self.assertEqual(parse_daemon(text), want, text)

    def test_nonsense(self):
        for text in ("x", "@host", "5811junk", "5811@", "5811@ host", "unix:", "1" * 71, "5811@[]", "\u0664@h"):
            with self.assertRaises(gospread.InvalidArgument, msg=text) as caught:
                parse_daemon(text)
            self.assertEqual(caught.exception.code, gospread.ErrorCode.ILLEGAL_SPREAD)


class Clients(unittest.TestCase):
    def test_private_names(self):
        for good in ("", "a", "x" * 10, "$~"):
            self.assertEqual(private_name(good), good.encode())
        for bad in ("x" * 11, "a b", "a#b", "\u00fc", "a\n"):
            with self.assertRaises(gospread.InvalidArgument, msg=bad) as caught:
                private_name(bad)
            self.assertEqual(caught.exception.code, gospread.ErrorCode.REJECT_ILLEGAL_NAME)


if __name__ == "__main__":
    unittest.main()
