// @rocket.chat/sdk, as it is published, against the runner: its REST client. What it does over a socket has no room here.
const assert = require('node:assert');
const Api = require('@rocket.chat/sdk/lib/api/RocketChat').default;

const { OMEGA_URL, OMEGA_USER, OMEGA_KEY } = process.env;

async function main() {
	const api = new Api({ host: OMEGA_URL });
	await assert.rejects(api.login({ username: OMEGA_USER, password: 'wrong' }), { status: 401 });
	const login = await api.login({ username: OMEGA_USER, password: OMEGA_KEY });
	assert.strictEqual(api.username, OMEGA_USER);
	assert.strictEqual(login.me._id, login.userId);

	const me = await api.get('me');
	assert.deepStrictEqual([me._id, me.username], [login.userId, OMEGA_USER]);
	assert.strictEqual((await api.get('users.info', { userId: login.userId })).user._id, login.userId);
	assert.match((await api.get('info')).info.version, /^\d+\.\d+/);

	const { contact } = await api.post('omnichannel/contact', { token: 'sdk-token', name: 'Dee Sdk', phone: '+14155550113' });
	const found = await api.get('omnichannel/contact', { contactId: contact });
	assert.strictEqual(found.contact.name, 'Dee Sdk');
	const searched = await api.get('omnichannel/contact.search', { phone: '+14155550113' });
	assert.strictEqual(searched.contact._id, contact);
	await assert.rejects(api.get('omnichannel/contact', {}), { status: 400 });

	const token = api.currentLogin.authToken;
	const out = await api.logout();
	assert.deepStrictEqual(out, { status: 'success', data: { message: "You've been logged out!" } });
	const late = new Api({ host: OMEGA_URL });
	late.client.headers = { 'X-Auth-Token': token, 'X-User-Id': login.userId };
	await assert.rejects(late.get('omnichannel/contact', { contactId: contact }), { status: 401 });
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
