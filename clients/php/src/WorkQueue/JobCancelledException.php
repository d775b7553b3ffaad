<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** The job was cancelled. */
final class JobCancelledException extends WorkQueueException
{
}
