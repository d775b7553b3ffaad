<?php

declare(strict_types=1);

namespace Gospread;

/**
 * What this library throws. getCode() is the protocol's number, $error the same
 * by name.
 */
class SpreadException extends \RuntimeException
{
    final public function __construct(
        public readonly ErrorCode $error,
        string $message = '',
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message === '' ? $error->text() : $message, $error->value, $previous);
    }
}
