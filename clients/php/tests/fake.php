<?php

declare(strict_types=1);

// A daemon that does what it is told, once: JSON steps in the first argument.
//   ["read", n]       reads n bytes
//   ["send", hex, n]  writes it n times (1), waiting until all is taken
//   ["trickle", hex]  writes it byte by byte
//   ["hang"]          reads until the client has gone
//   ["stop"]          does nothing more until it is ended
// It closes the connection behind the last step. It prints its port first, and
// what it read, in hex, last.

$server = stream_socket_server('tcp://127.0.0.1:0', context: stream_context_create(['socket' => ['tcp_nodelay' => true]]));
echo substr(strrchr(stream_socket_get_name($server, false), ':'), 1), "\n";
$c = stream_socket_accept($server, 20);
fclose($server);
stream_set_write_buffer($c, 0);
$got = '';
foreach (json_decode($argv[1]) as $step) {
    switch ($step[0]) {
        case 'read':
            for ($left = $step[1]; $left > 0 && !feof($c); $left -= strlen($b)) {
                $b = (string) fread($c, min($left, 8192));
                $got .= $b;
            }
            break;
        case 'send':
            fwrite($c, str_repeat(hex2bin($step[1]), $step[2] ?? 1));
            break;
        case 'trickle':
            foreach (str_split(hex2bin($step[1])) as $byte) {
                fwrite($c, $byte);
            }
            break;
        case 'hang':
            while (!feof($c)) {
                fread($c, 8192);
            }
            break;
        case 'stop':
            fread(STDIN, 1);
    }
}
fclose($c);
echo bin2hex(substr($got, 0, 1000)), "\n";
