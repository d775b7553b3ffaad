use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use SpreadTest;
use Test::More;

use Gospread;

my %form = (
    ''                        => { port => 4803 },
    '4803'                    => { port => 4803 },
    '5811@host.example'       => { port => 5811, host => 'host.example' },
    '5811@127.0.0.1'          => { port => 5811, host => '127.0.0.1' },
    '5811@::1'                => { port => 5811, host => '::1' },
    '5811@[::1]'              => { port => 5811, host => '::1' },
    '5811 @host'              => { port => 5811, host => 'host' },
    ' 5811@host junk'         => { port => 5811, host => 'host' },
    '71347@h'                 => { port => 5811, host => 'h' },
    '99999'                   => { port => 34463 },
    '-1'                      => { port => 65535 },
    '+12'                     => { port => 12 },
    'unix:/run/spread/4803'   => { path => '/run/spread/4803' },
    'unix:///run/spread/4803' => { path => '/run/spread/4803' },
);
is_deeply(Gospread::Address::parse($_), $form{$_}, "form '$_'") for sort keys %form;

for my $name ('x', '@host', '5811junk', '5811@ host', '5811@', '5811@[::1', "5811\@a\0b", '5811@a/b', '1' x 71, 'unix:', 'unix:' . 'a' x 108, '-', ' ') {
    dies { Gospread::Address::parse($name) } 'ILLEGAL_SPREAD', "nonsense '" . substr($name, 0, 20) . "'";
}

dies { Gospread->connect('1@127.0.0.1') } 'COULD_NOT_CONNECT', 'nobody there';
dies { Gospread->connect('unix:/nonexistent/socket') } 'COULD_NOT_CONNECT', 'no socket';
dies { Gospread->connect('1', socket_dirs => ['/nonexistent']) } 'COULD_NOT_CONNECT', 'neither socket nor TCP';
like($@, qr{/nonexistent/1}, 'it tells where it was looked for');
like(eval { Gospread->connect('1', nam => 'x') } || $@, qr/no option nam at .*address\.t/, 'a wrong option is told where it is');
dies { Gospread->connect('1@127.0.0.1', name => $_) } 'REJECT_ILLEGAL_NAME', 'an illegal name' for 'elevenbytes', 'a b', 'a#b', "\x80", "\0", '!', "a\n";

done_testing;
