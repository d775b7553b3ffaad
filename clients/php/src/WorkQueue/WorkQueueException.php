<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** Something about a job, or the queue. Trouble with the connection is a Gospread\SpreadException. */
class WorkQueueException extends \RuntimeException
{
    /** @param ?Status $status what is known of the job, if anything is */
    public function __construct(string $message, public readonly ?Status $status = null, ?\Throwable $previous = null)
    {
        parent::__construct($message, 0, $previous);
    }
}
