<?php

declare(strict_types=1);

namespace Gospread;

/** The daemon refuses this client; $error tells why. */
class RefusedException extends ConnectException
{
}
