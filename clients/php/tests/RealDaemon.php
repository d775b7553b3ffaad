<?php

declare(strict_types=1);

namespace Gospread\Tests;

/** A daemon that can be killed and started again. */
final class RealDaemon
{
    public readonly string $name;
    private string $dir;
    /** @var resource */
    private mixed $process;
    /** @var array<int, resource> */
    private array $pipes = [];

    public function __construct(private readonly string $program)
    {
        $this->dir = sys_get_temp_dir() . '/spread-php-' . bin2hex(random_bytes(8));
        mkdir($this->dir);
        $probe = stream_socket_server('tcp://127.0.0.1:0');
        $port = substr(strrchr(stream_socket_get_name($probe, false), ':'), 1);
        fclose($probe);
        $this->name = "$port@127.0.0.1";
        file_put_contents("$this->dir/spread.conf", "Spread_Segment 127.0.0.255:$port {\n\td1 127.0.0.1\n}\nDaemonUser = " . posix_getpwuid(posix_geteuid())['name'] . "\n");
        $this->start();
    }

    /** Starts it and waits until it serves. */
    public function start(): void
    {
        $this->process = proc_open([$this->program, '-n', 'd1', '-c', "$this->dir/spread.conf"], [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $this->pipes, $this->dir);
        $said = '';
        do {
            $line = fgets($this->pipes[1]);
            if ($line === false) {
                throw new \Exception("the daemon ended: $said");
            }
            $said .= $line;
        } while (!str_contains($line, 'Membership id is'));
    }

    public function kill(): void
    {
        proc_terminate($this->process, 9);
        fclose($this->pipes[1]);
        proc_close($this->process);
    }

    public function end(): void
    {
        $this->kill();
        array_map(unlink(...), glob("$this->dir/*"));
        rmdir($this->dir);
        @unlink('/tmp/' . explode('@', $this->name)[0]);
    }
}
