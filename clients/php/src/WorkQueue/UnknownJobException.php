<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** No worker knows the job, or any more. */
final class UnknownJobException extends WorkQueueException
{
}
