"""Has scim2-tester, a test suite for SCIM servers that others have written, look at the server at an address.

Usage: check.py ADDRESS TOKEN. Each check that fails is a line; the exit code says whether there is one.
"""

import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

GOOD = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE, Status.SKIPPED}
# The suite of 0.5.2 makes 133 checks of a server like ours. Far fewer would be a suite that has looked at nothing.
LEAST = 120

address, token = sys.argv[1:]
client = Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
results = check_server(SyncSCIMClient(client))
bad = [result for result in results if result.status not in GOOD]
for result in bad:
    print(f"{result.status.name} {result.title}: {result.reason}")
done = sum(result.status == Status.SUCCESS for result in results)
print(f"{done} checks passed, {len(bad)} did not, of {len(results)}")
sys.exit(1 if bad or done < LEAST else 0)
