// Package workqueue moves work to other processes: submitters hand in jobs, any
// number of workers on any number of machines do them, and the results come back.
//
//	w, err := workqueue.NewWorker("4803", "reports", func(ctx context.Context, t *workqueue.Task) ([]byte, error) {
//		t.Progress(10, "reading")
//		return render(ctx, t.Payload)
//	}, nil)
//	...
//	err = w.Run(ctx) // until ctx ends
//
// and somewhere else
//
//	s, err := workqueue.NewSubmitter(ctx, "4803", "reports", nil)
//	...
//	job, err := s.Submit(ctx, xml)
//	...
//	pdf, err := job.Wait(ctx)
//
// # What is promised
//
// The workers of a queue are the members of a Spread group. Each holds all jobs,
// and all decide alike, from the same messages in the same order, who does which:
// there is no server of the queue, and nobody whose death loses a job while one
// worker lives. Workers come and go at any time.
//
// A job is done at least once. It is done once if no worker is lost, and given to
// another if its worker is; after MaxAttempts losses it fails, so that a job that
// kills its workers does not kill all. When the network parts, each part goes on
// with the jobs that it knows, and may do some that the other does too; of several
// results the first counts, and a submitter gets one. Handlers must bear being
// called twice for a job.
//
// Jobs are held in the memory of the workers, not on disk: when the last worker of
// a queue ends, what waits is lost, and submitters that still wait for it submit it
// again when workers are back.
//
// docs/workqueue.md of the repository tells all of it, with the limits and the
// messages; the Python and PHP clients share both.
package workqueue
