<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** The queue has as many jobs as it takes. */
final class QueueFullException extends WorkQueueException
{
}
