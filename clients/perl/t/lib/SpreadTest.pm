package SpreadTest;

# What the tests have in common.

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;

our @EXPORT = qw(daemon unique dies fake accepting finished wire);

my $count = 0;
my %fake;
my $main = $$;

# The daemon to test with; the test is skipped without.
sub daemon {
    my $daemon = $ENV{SPREAD_TEST_DAEMON};
    plan(skip_all => 'SPREAD_TEST_DAEMON is not set') if !$daemon;
    return $daemon;
}

# A name that no other test uses.
sub unique { return $_[0] . $$ % 100000 . 'x' . ++$count }

# dies { ... } name of the error
sub dies (&$;$) {
    my ($code, $name, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = eval { $code->(); 1 } ? 'nothing' : Gospread::Error::is($@) ? $@->name : "plainly: $@";
    return is($got, $name, $what || "dies of $name");
}

# A message as a daemon sends it.
sub wire {
    my ($data, %o) = @_;
    my $little = $o{order} && $o{order} eq '>' ? 0 : 1;
    my ($n, $groups) = ($little ? 'V' : 'N', $o{groups} || ['g']);
    return pack "$n a32 $n a4 $n (a32)" . @$groups . ' a*',
        (exists $o{type} ? $o{type} : 0x10) | ($little ? 0x80000080 : 0), $o{sender} || '#a#d1', scalar @$groups, $o{hint} || "\x80\0\0\x80",
        length $data, @$groups, $data;
}

# fake([step, ...]): a process that is a daemon for one connection, does these steps
# and closes it. Returns the daemon's name.
#   [read => n], [send => bytes, times], [trickle => bytes], [hang], [stop]
sub fake {
    my ($steps) = @_;
    my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $@;
    my $name = $server->sockport . '@127.0.0.1';
    pipe my $r, my $w or die $!;
    my $pid = fork;
    die $! if !defined $pid;
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        my $c = $server->accept;
        setsockopt $c, IPPROTO_TCP, TCP_NODELAY, 1;
        close $server;
        my $got = '';
        for my $step (@$steps) {
            my ($what, $arg, $times) = @$step;
            if ($what eq 'read') {
                while ($arg > 0) {
                    my $n = sysread $c, my $bytes, $arg < 65536 ? $arg : 65536;
                    last if !$n;
                    $got = substr $got . $bytes, 0, 1000;
                    $arg -= $n;
                }
            }
            elsif ($what eq 'send') { print {$c} $arg for 1 .. ($times || 1); $c->flush }
            elsif ($what eq 'trickle') { syswrite $c, $_ for split //, $arg }
            elsif ($what eq 'hang') { 1 while sysread $c, my $bytes, 65536 }
            elsif ($what eq 'stop') { sleep }
        }
        close $c;
        syswrite $w, $got;
        # Without the ends of the test.
        require POSIX;
        POSIX::_exit(0);
    }
    $fake{$name} = [$pid, $r];
    return $name;
}

# A daemon that accepts the client "me" and goes on with these steps.
sub accepting {
    my ($steps, $version) = @_;
    return fake([
        [read => 7], [send => "\5NULL "], [read => 90], [send => "\1" . ($version || "\5\0\1") . "\6#me#d1"], @$steps,
    ]);
}

# Waits for the end of a fake daemon and returns the first 1000 bytes that it read.
sub finished {
    my ($name) = @_;
    my $r = $fake{$name}[1];
    return scalar <$r>;
}

END {
    if ($$ == $main) {
        local $?;
        kill KILL => $_->[0] for values %fake;
        waitpid $_->[0], 0 for values %fake;
    }
}

# A daemon that can be killed and started again.
package SpreadTest::RealDaemon;

sub new {
    my ($class, $program) = @_;
    my $dir = File::Temp->newdir;
    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $@;
    my $port = $probe->sockport;
    close $probe;
    my $user = getpwuid $>;
    open my $fh, '>', "$dir/spread.conf" or die $!;
    print {$fh} "Spread_Segment 127.0.0.255:$port {\n\td1 127.0.0.1\n}\nDaemonUser = $user\n";
    close $fh or die $!;
    my $self = bless { program => $program, dir => $dir, port => $port }, $class;
    $self->start;
    return $self;
}

sub name { return "$_[0]{port}\@127.0.0.1" }

# Starts it and waits until it serves.
sub start {
    my ($self) = @_;
    $self->{pid} = open $self->{out}, '-|', $self->{program}, '-n', 'd1', '-c', "$self->{dir}/spread.conf" or die $!;
    my $said = '';
    while (my $line = readline $self->{out}) {
        return if $line =~ /Membership id is/;
        $said .= $line;
    }
    die "the daemon ended: $said";
}

sub kill {
    my ($self) = @_;
    kill KILL => $self->{pid} if $self->{pid};
    close delete $self->{out} if $self->{out};
    delete $self->{pid};
    return;
}

sub DESTROY {
    my ($self) = @_;
    local $?;
    $self->kill;
    unlink "/tmp/$self->{port}";
    return;
}

1;
