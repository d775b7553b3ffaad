<?php

declare(strict_types=1);

namespace Gospread;

/** The connection is lost, or broke off before it was established. */
class ConnectionClosedException extends SpreadException
{
}
