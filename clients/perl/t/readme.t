# The examples run, and say what they should.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use SpreadTest;
use Test::More;

my $daemon = daemon();
my $lib = (grep { -e "$_/Gospread.pm" } @INC)[0];

# The example of a file: in a fence, or the synopsis.
sub example {
    my ($file) = @_;
    open my $fh, '<', $file or die "$file: $!";
    my $text = do { local $/; <$fh> };
    my ($code) = $text =~ /```perl\n(.*?)```/s;
    ($code) = $text =~ /^=head1 SYNOPSIS\n\n((?:    .*\n|\n)+)/m if !defined $code;
    return $code;
}

# Runs it up to so many lines of output.
sub output_of {
    my ($code, $lines) = @_;
    my $pid = open my $out, '-|', $^X, "-I$lib", '-we', "\$| = 1; $code" or die $!;
    my @got = map { scalar readline $out } 1 .. $lines;
    kill KILL => $pid;
    close $out;
    return @got;
}

for my $file ("$FindBin::Bin/../README.md", "$lib/Gospread.pm") {
    my $code = example($file);
    ok($code =~ s/'4803', name => 'web1'/'$daemon'/, "the example of $file");
    my ($view, $message) = output_of($code, 2);
    like($view, qr/^chat now has the members #/, 'the view');
    like($message, qr/ says hello$/, 'the message');
}

{
    my $code = example("$lib/Spread.pm");
    ok($code =~ s/'4803\@host', private_name => 'me'/'$daemon'/, 'the example of Spread');
    my ($view) = output_of($code . 'print "$service_type @$groups\n"', 1);
    like($view, qr/^4352 #/, 'the view');
}

done_testing;
