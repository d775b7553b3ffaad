<?php

declare(strict_types=1);

namespace Gospread\WorkQueue\Internal;

use Gospread\WorkQueue\TooLargeException;

/**
 * The pieces of a result, from each worker that sends some.
 *
 * @internal
 */
final class Parts
{
    /** @var array<string, list<string>> by sender */
    private array $of = [];
    private int $size = 0;

    public function __construct(private readonly int $max)
    {
    }

    public function add(string $sender, Message $m): void
    {
        $n = $m->number('n', -1);
        if ($n === 0) {
            $this->drop($sender);
        }
        if ($n === count($this->of[$sender] ?? []) && $this->size <= $this->max) {
            $this->of[$sender][] = $m->data;
            $this->size += strlen($m->data);
        }
    }

    /** @return list<string> */
    private function drop(string $sender): array
    {
        $pieces = $this->of[$sender] ?? [];
        unset($this->of[$sender]);
        $this->size -= array_sum(array_map(strlen(...), $pieces));
        return $pieces;
    }

    /**
     * Returns the whole of it when the message that ends it has come; null if pieces are missing.
     *
     * @throws TooLargeException
     */
    public function result(string $sender, Message $m): ?string
    {
        $size = $m->number('size', -1);
        $parts = $m->number('parts');
        if ($size > $this->max) {
            throw new TooLargeException("job {$m->get('id')}: the result has $size bytes, this submitter takes $this->max");
        }
        $pieces = match (true) {
            $parts === 0 => [$m->data],
            $parts === count($this->of[$sender] ?? []) => $this->drop($sender),
            default => [],
        };
        $whole = implode('', $pieces);
        return $pieces !== [] && strlen($whole) === $size ? $whole : null;
    }
}
