#!/usr/bin/env python3
"""Makes reports. One of several such processes, on any machine with a daemon of the ring.

Jobs come from the queue "reports". The name of a job is the id of a report in the database,
where its parameters are and where the PDF goes.
"""

import argparse
import logging
import os
import threading
import time

import content
import typeset
from database import Database, DatabaseError

from gospread import SpreadError, workqueue

SWEEP = 5.0  # seconds between looks for reports that nobody does

log = logging.getLogger("worker")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="of this worker, at most 10 characters")
    parser.add_argument("--daemon", default="4803", help="a daemon, as 4803 or 4803@mars")
    parser.add_argument("--database", required=True, help="its socket, or host")
    parser.add_argument("--slow", type=float, default=0, metavar="SECONDS", help="take at least so long for a report")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    def database():
        return Database(options.database, os.environ.get("REPORTS_PASSWORD", ""))

    def make(task):
        return make_report(task, database, options.name, options.slow)

    worker = workqueue.Worker(options.daemon, "reports", make, name=options.name, grace=3)
    threading.Thread(target=sweep, args=(options.daemon, database), daemon=True).start()
    worker.run()


def make_report(task, database, name, slow):
    """The handler: database -> XML -> PDF -> database. It is called again, here or elsewhere,
    for a report whose worker was lost; so it begins from the start, and leaves alone what is done."""
    try:
        with database() as db:
            report = db.take(task.id, name)
            if report is None:
                log.info("report %s is done already", task.id)
                return b""
            log.info("report %s: attempt %d", task.id, report.attempt)
            db.finish(report, make_pdf(task, db, report, slow))
            log.info("report %s is done", task.id)
            return b""
    except DatabaseError as e:
        log.warning("report %s: the database: %s", task.id, e)
        put_back(task, database, name)
        raise workqueue.Retry(f"the database: {e}")


def make_pdf(task, db, report, slow):
    chapters = db.chapters(report)

    def tell(done, step):
        """Tell the queue, and whoever looks into the database, how far the report is."""
        task.check()  # raises if this report is no longer wanted from us
        percent = 100 * done // (2 * len(chapters) + 1)
        task.progress(percent, step)
        db.progress(report, percent, step)
        time.sleep(slow / (2 * len(chapters)))  # as if it were hard

    document = content.document(report)
    for n, chapter in enumerate(chapters):
        tell(n, f"reading the sales of {chapter}")
        content.add_chapter(document, chapter, db.totals(report, chapter), db.largest(report, chapter))
    return typeset.pdf(content.xml(document), lambda n, chapter: tell(len(chapters) + n, f"typesetting {chapter}"))


def put_back(task, database, name):
    """Write down that the report was not finished, once the database is back; after some minutes
    give up, and let the next worker try."""
    for _ in range(300):
        if task.stopped.wait(1):
            return
        try:
            with database() as db:
                return db.put_back(task.id, name)
        except DatabaseError:
            pass


def sweep(daemon, database):
    """Hand in again what the database has and the queue may not know, for example because no
    worker was there at the time. To hand in a job that is known does no harm."""
    while True:
        try:
            with workqueue.Submitter(daemon, "reports") as queue, database() as db:
                while True:
                    for id in db.unfinished():
                        queue.submit(b"", id=id, wants_result=False)
                        status = queue.status(id)
                        if status.state is workqueue.State.FAILED:
                            db.fail(id, status.text)
                    time.sleep(SWEEP)
        except (SpreadError, workqueue.WorkQueueError, DatabaseError) as e:
            log.warning("looking for reports that nobody does: %s", e)
            time.sleep(SWEEP)


if __name__ == "__main__":
    main()
