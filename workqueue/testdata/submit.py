"""A submitter for tests: python3 submit.py DAEMON QUEUE PAYLOAD... prints the results."""

import sys

from gospread.workqueue import Submitter

with Submitter(sys.argv[1], sys.argv[2]) as s:
    for job in [s.submit(p.encode()) for p in sys.argv[3:]]:
        print(job.result(30).decode())
