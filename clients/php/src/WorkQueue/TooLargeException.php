<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** The payload, or the result, has more bytes than are allowed. */
final class TooLargeException extends WorkQueueException
{
}
