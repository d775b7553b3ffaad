<?php

declare(strict_types=1);

namespace Gospread;

/** The daemon sent what cannot be right; the connection has been given up. */
class ProtocolException extends SpreadException
{
}
