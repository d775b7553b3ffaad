<?php

declare(strict_types=1);

namespace Gospread\Tests;

/** A process of fake.php. */
final class FakeDaemon
{
    public readonly string $name;
    /** @var resource */
    private mixed $process;
    /** @var array<int, resource> */
    private array $pipes = [];

    /** @param list<list<mixed>> $steps */
    public function __construct(array $steps)
    {
        $this->process = proc_open([PHP_BINARY, __DIR__ . '/fake.php', json_encode($steps)], [['pipe', 'r'], ['pipe', 'w']], $this->pipes);
        $this->name = trim(fgets($this->pipes[1])) . '@127.0.0.1';
    }

    /** Waits for its end and returns the first 1000 bytes of what it read. */
    public function got(): string
    {
        return hex2bin(trim((string) fgets($this->pipes[1])));
    }

    public function end(): void
    {
        array_map(fclose(...), $this->pipes);
        proc_terminate($this->process, 9);
        proc_close($this->process);
    }
}
