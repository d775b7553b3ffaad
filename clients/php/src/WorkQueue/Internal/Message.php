<?php

declare(strict_types=1);

namespace Gospread\WorkQueue\Internal;

use Gospread\WorkQueue\State;
use Gospread\WorkQueue\Status;

/**
 * A message of a work queue (docs/workqueue.md): a verb, fields, and raw data.
 *
 * @internal
 */
final class Message
{
    /** The 16-bit Spread message type of all of them. */
    public const TYPE = 22353;
    /** The most data that one carries. */
    public const PART_SIZE = 128 << 10;

    /** The largest number that is read. */
    public const MAX_NUMBER = 999_999_999_999_999;

    private const MAGIC = 'wq1 ';
    private const MAX_HEADER = 64 << 10;
    private const MAX_FIELDS = 64;

    /** @param array<string, string|int> $fields */
    public function __construct(public readonly string $verb, private array $fields = [], public readonly string $data = '')
    {
    }

    public function get(string $key): string
    {
        return (string) ($this->fields[$key] ?? '');
    }

    /** Returns a field as a number, the default if it is missing, -1 if it is none. */
    public function number(string $key, int $default = 0): int
    {
        $value = $this->fields[$key] ?? $default;
        return is_int($value) ? $value : (preg_match('/^(0|[1-9][0-9]{0,14})\z/', $value) ? (int) $value : -1);
    }

    public function encode(): string
    {
        $s = self::MAGIC . "$this->verb\n";
        foreach ($this->fields as $key => $value) {
            $value = is_int($value) ? min($value, self::MAX_NUMBER) : strtr($value, "\n", ' ');
            $s .= "$key=$value\n";
        }
        return "$s\n$this->data";
    }

    /** Reads a message; null if it is none. */
    public static function parse(string $s): ?self
    {
        $end = strpos($s, "\n\n");
        if ($end === false || $end + 2 > self::MAX_HEADER || !str_starts_with($s, self::MAGIC)) {
            return null;
        }
        $lines = explode("\n", substr($s, strlen(self::MAGIC), $end - strlen(self::MAGIC)));
        $verb = array_shift($lines);
        if (!self::isWord($verb) || count($lines) > self::MAX_FIELDS) {
            return null;
        }
        $fields = [];
        foreach ($lines as $line) {
            [$key, $value] = explode('=', $line, 2) + [1 => null];
            if ($value === null || !self::isWord($key) || isset($fields[$key])) {
                return null;
            }
            $fields[$key] = $value;
        }
        return new self($verb, $fields, substr($s, $end + 2));
    }

    private static function isWord(string $s): bool
    {
        return preg_match('/^[a-z]{1,16}\z/', $s) === 1;
    }

    /** Returns what the message tells of a job. */
    public function status(?State $state = null, string $on = ''): Status
    {
        $n = fn (string $key) => max(0, $this->number($key));
        // A state that only newer workers have is at least no end.
        $state ??= State::tryFrom($this->get('state')) ?? State::Waiting;
        return new Status($state, $n('position'), $n('percent'), $this->text(), $on === '' ? $this->get('on') : $on, $n('attempt'), $n('size'));
    }

    /** Returns the text for people, with what is not UTF-8 replaced. */
    public function text(): string
    {
        return json_decode(json_encode($this->get('text'), JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR));
    }
}
