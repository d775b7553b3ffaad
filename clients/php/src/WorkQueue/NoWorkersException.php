<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/**
 * Nobody has answered in time; no worker of the queue may be connected. Whether
 * a job was taken is not known; to submit it again under the same id does no harm.
 */
final class NoWorkersException extends WorkQueueException
{
}
