<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** There is no result yet; $status tells how far the job is. */
final class NotDoneException extends WorkQueueException
{
}
