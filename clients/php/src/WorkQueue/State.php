<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** What has become of a job. */
enum State: string
{
    /** For a worker. */
    case Waiting = 'waiting';
    /** At a worker. */
    case Running = 'running';
    /** There is a result. */
    case Done = 'done';
    /** For good. */
    case Failed = 'failed';
    /** As somebody wished. */
    case Cancelled = 'cancelled';
    /** No worker knows it, or any more. */
    case Unknown = 'unknown';

    /** Tells whether nothing more will be done, but for submitting it again. */
    public function ended(): bool
    {
        return $this !== self::Waiting && $this !== self::Running;
    }
}
