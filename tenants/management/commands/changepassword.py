from django.contrib.auth.management.commands import changepassword

from tenants import accounts
from tenants.models import User


class Command(changepassword.Command):
    help = "Change a person's password. Their tokens and sessions end."

    def handle(self, *args, **options):
        done = super().handle(*args, **options)
        accounts.end_tokens(User.objects.get(username=options["username"]))
        return done
