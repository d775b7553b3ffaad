<?php

declare(strict_types=1);

namespace Gospread;

/** There is no daemon where it was looked for, or its name makes no sense. */
class ConnectException extends SpreadException
{
}
