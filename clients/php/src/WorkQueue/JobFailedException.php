<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** The job has failed for good; the message says why. */
final class JobFailedException extends WorkQueueException
{
}
